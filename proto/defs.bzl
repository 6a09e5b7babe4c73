"""C++ for Protobuf and gRPC by Debian's protoc."""

load("@rules_cc//cc:defs.bzl", "cc_library")

def keywatch_cc_proto(name, srcs, grpc = True, deps = [], **kwargs):
    """Generates C++ from .proto files and compiles it as one cc_library.

    The folder of the calling BUILD file is the root that imports are relative
    to, so `import "keywatch/v1/keywatch.proto";` means the same to protoc and
    to buf. C++ includes the full path: "proto/keywatch/v1/keywatch.pb.h".

    Args:
      name: the cc_library.
      srcs: .proto files of this package.
      grpc: whether to generate services (*.grpc.pb.h), too.
      deps: other keywatch_cc_proto targets that srcs import.
      **kwargs: passed on to the cc_library (visibility, testonly, ...).
    """
    stems = []
    for src in srcs:
        if not src.endswith(".proto"):
            fail("{}: not a .proto file".format(src))
        stems.append(src[:-len(".proto")])

    suffixes = [".pb"] + ([".grpc.pb"] if grpc else [])
    hdrs = [stem + suffix + ".h" for stem in stems for suffix in suffixes]
    cc_srcs = [stem + suffix + ".cc" for stem in stems for suffix in suffixes]
    root = native.package_name()

    native.filegroup(
        name = name + "_protos",
        srcs = srcs + [dep + "_protos" for dep in deps],
    )

    command = [
        "protoc",
        "-I" + (root or "."),
        "-I/usr/include",
        "--cpp_out=$(GENDIR)/" + root,
    ]
    if grpc:
        command += [
            "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin",
            "--grpc_out=$(GENDIR)/" + root,
        ]

    native.genrule(
        name = name + "_generate",
        srcs = srcs + [dep + "_protos" for dep in deps],
        outs = hdrs + cc_srcs,
        cmd = " ".join(command + ["$(location {})".format(src) for src in srcs]),
        message = "Generating C++ for",
    )

    cc_library(
        name = name,
        srcs = cc_srcs,
        hdrs = hdrs,
        includes = ["."],
        deps = deps + [
            "//third_party:grpc" if grpc else "//third_party:protobuf",
            "//third_party:absl",
        ],
        **kwargs
    )
