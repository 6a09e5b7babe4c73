#include "daemon/rules/condition.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace keywatch {
namespace {

using Op = Condition::Op;

constexpr int kMaxDepth = 100;
constexpr size_t kMaxTokens = 20'000;

struct Token {
  enum class Kind { kWord, kOpen, kClose, kEnd };
  Kind kind = Kind::kEnd;
  absl::string_view text;
  size_t offset = 0;
};

bool IsWordCharacter(char c) {
  const unsigned char u = static_cast<unsigned char>(c);
  return absl::ascii_isalnum(u) || c == '_' || c == '-' || c == '.' ||
         c == '*' || u >= 0x80;
}

// What replaces the aggregation behind a `|`.
std::string AggregationHint(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  const char* type = "event_count";
  if (absl::StrContains(lower, "near")) {
    type = "temporal";
  } else if (absl::StrContains(lower, "count(") &&
             !absl::StrContains(lower, "count()")) {
    type = "value_count";
  } else if (absl::StrContains(lower, "sum(")) {
    type = "value_sum";
  } else if (absl::StrContains(lower, "avg(")) {
    type = "value_avg";
  }
  return absl::StrCat("write a correlation of type ", type, " over this rule");
}

class Parser {
 public:
  Parser(const yaml::Node& node, ConditionLanguage language, Reporter* reporter)
      : node_(node), language_(language), reporter_(reporter) {}

  absl::optional<Condition> Parse() {
    if (!Tokenize()) return absl::nullopt;
    absl::optional<Condition> condition = Or(0);
    if (!condition) return absl::nullopt;
    LintWords();
    if (Peek().kind != Token::Kind::kEnd) {
      return Fail(Peek(), absl::StrCat("unexpected \"", Peek().text, "\""),
                  Peek().kind == Token::Kind::kWord
                      ? "`and` or `or` is missing before it"
                      : "");
    }
    return condition;
  }

 private:
  absl::nullopt_t Fail(const Token& at, std::string message,
                       std::string hint = "") {
    reporter_->ErrorWithin(node_, at.offset, at.text.size(), "bad-condition",
                           std::move(message), std::move(hint));
    return absl::nullopt;
  }

  // What the grammars of other tools do not have.
  void LintWords() {
    static const auto* const kWords = new std::vector<std::string>{
        "and", "or", "not", "of", "all", "any", "them"};
    for (const Token& token : tokens_) {
      if (token.kind != Token::Kind::kWord) continue;
      const std::string lower = absl::AsciiStrToLower(token.text);
      const bool reserved =
          lower != token.text && absl::c_linear_search(*kWords, lower);
      const auto foreign =
          std::find_if(token.text.begin(), token.text.end(), [&](char c) {
            const bool dash = language_ == ConditionLanguage::kDetection &&
                              c == '-' && !absl::StrContains(token.text, '*');
            return !absl::ascii_isalnum(static_cast<unsigned char>(c)) &&
                   c != '_' && c != '*' && !dash;
          });
      if (!reserved && foreign == token.text.end()) continue;
      reporter_->LintWithin(
          node_, token.offset, token.text.size(), "portability",
          reserved ? "other Sigma tools know this word in small letters only"
                   : "other Sigma tools take letters, digits and _ in names "
                     "of a condition",
          reserved ? absl::StrCat("write ", lower) : "");
      return;
    }
  }

  bool Tokenize() {
    const absl::string_view text = node_.text;
    size_t i = 0;
    while (i < text.size()) {
      if (absl::ascii_isspace(static_cast<unsigned char>(text[i]))) {
        ++i;
        continue;
      }
      Token token;
      token.offset = i;
      if (text[i] == '(' || text[i] == ')') {
        token.kind = text[i] == '(' ? Token::Kind::kOpen : Token::Kind::kClose;
        token.text = text.substr(i++, 1);
      } else if (text[i] == '|') {
        reporter_->ErrorWithin(
            node_, i, text.size() - i, "old-aggregation",
            "the aggregation behind \"|\" is not part of Sigma 2",
            AggregationHint(text.substr(i)));
        return false;
      } else if (IsWordCharacter(text[i])) {
        size_t end = i;
        while (end < text.size() && IsWordCharacter(text[end])) ++end;
        token.kind = Token::Kind::kWord;
        token.text = text.substr(i, end - i);
        i = end;
      } else {
        token.text = text.substr(i, 1);
        Fail(token, absl::StrCat("unexpected \"", token.text, "\""));
        return false;
      }
      tokens_.push_back(token);
      if (tokens_.size() > kMaxTokens) {
        Fail(tokens_.front(), "the condition is too long");
        return false;
      }
    }
    Token end;
    end.offset = text.size();
    tokens_.push_back(end);
    return true;
  }

  const Token& Peek(size_t ahead = 0) const {
    const size_t i = at_ + ahead;
    return i < tokens_.size() ? tokens_[i] : tokens_.back();
  }
  bool PeekWord(absl::string_view word, size_t ahead = 0) const {
    return Peek(ahead).kind == Token::Kind::kWord &&
           absl::EqualsIgnoreCase(Peek(ahead).text, word);
  }

  // Both levels of binary operators, since they differ in nothing else.
  absl::optional<Condition> Or(int depth) { return Binary(Op::kOr, depth); }
  absl::optional<Condition> Binary(Op op, int depth) {
    const char* word = op == Op::kOr ? "or" : "and";
    Condition joined;
    joined.op = op;
    for (;;) {
      absl::optional<Condition> operand =
          op == Op::kOr ? Binary(Op::kAnd, depth) : Unary(depth);
      if (!operand) return absl::nullopt;
      joined.children.push_back(*std::move(operand));
      if (!PeekWord(word)) break;
      ++at_;
    }
    if (joined.children.size() == 1) return std::move(joined.children.front());
    return joined;
  }

  absl::optional<Condition> Unary(int depth) {
    if (depth > kMaxDepth) {
      return Fail(Peek(), "the condition is nested too deeply");
    }
    const Token token = Peek();
    if (token.kind == Token::Kind::kEnd) {
      return Fail(tokens_.size() > 1 ? tokens_[tokens_.size() - 2] : token,
                  tokens_.size() > 1 ? "the condition ends too early"
                                     : "the condition is empty");
    }
    if (token.kind == Token::Kind::kOpen) {
      ++at_;
      absl::optional<Condition> inner = Or(depth + 1);
      if (!inner) return absl::nullopt;
      if (Peek().kind != Token::Kind::kClose) {
        return Fail(token, "this parenthesis is never closed");
      }
      ++at_;
      return inner;
    }
    if (token.kind == Token::Kind::kClose) {
      return Fail(token, "unexpected \")\"");
    }
    if (PeekWord("not")) {
      ++at_;
      absl::optional<Condition> inner = Unary(depth + 1);
      if (!inner) return absl::nullopt;
      Condition negated;
      negated.op = Op::kNot;
      negated.children.push_back(*std::move(inner));
      return negated;
    }
    if (PeekWord("and") || PeekWord("or")) {
      return Fail(token, absl::StrCat("\"", token.text,
                                      "\" needs something before it"));
    }
    if (PeekWord("of", 1) && language_ == ConditionLanguage::kDetection) {
      return Quantified();
    }
    ++at_;
    if (absl::StrContains(token.text, '*')) {
      return Fail(token, absl::StrCat("the pattern \"", token.text,
                                      "\" needs `1 of` or `all of`"));
    }
    Condition name;
    name.name = std::string(token.text);
    name.offset = token.offset;
    return name;
  }

  absl::optional<Condition> Quantified() {
    const Token quantifier = Peek();
    Condition of;
    if (quantifier.text == "1" || PeekWord("any")) {
      of.op = Op::kAnyOf;
    } else if (PeekWord("all")) {
      of.op = Op::kAllOf;
    } else {
      return Fail(
          quantifier,
          absl::StrCat("\"", quantifier.text, " of\" is not part of Sigma"),
          "there are `1 of`, `any of` and `all of`");
    }
    at_ += 2;
    const Token pattern = Peek();
    if (pattern.kind != Token::Kind::kWord) {
      return Fail(quantifier, "`of` needs `them` or a pattern behind it");
    }
    ++at_;
    of.name = std::string(pattern.text);
    of.offset = pattern.offset;
    return of;
  }

  const yaml::Node& node_;
  const ConditionLanguage language_;
  Reporter* reporter_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace

std::string Condition::ToString() const {
  switch (op) {
    case Op::kName:
      return name;
    case Op::kAnyOf:
      return absl::StrCat("1 of ", name);
    case Op::kAllOf:
      return absl::StrCat("all of ", name);
    case Op::kNot: {
      const Condition& child = children.front();
      const bool wrap = child.op == Op::kAnd || child.op == Op::kOr;
      return wrap ? absl::StrCat("not (", child.ToString(), ")")
                  : absl::StrCat("not ", child.ToString());
    }
    case Op::kAnd:
    case Op::kOr: {
      std::string out;
      for (const Condition& child : children) {
        if (!out.empty()) out += op == Op::kAnd ? " and " : " or ";
        const bool wrap = op == Op::kAnd && child.op == Op::kOr;
        absl::StrAppend(&out, wrap ? "(" : "", child.ToString(),
                        wrap ? ")" : "");
      }
      return out;
    }
  }
  return "";
}

bool Condition::has_not() const {
  if (op == Op::kNot) return true;
  for (const Condition& child : children) {
    if (child.has_not()) return true;
  }
  return false;
}

absl::optional<Condition> ParseCondition(const yaml::Node& node,
                                         ConditionLanguage language,
                                         Reporter* reporter) {
  if (!node.is_scalar() || node.is_null()) {
    reporter->Error(
        node, "bad-condition",
        absl::StrCat("a condition is text, not ", yaml::KindName(node.kind)));
    return absl::nullopt;
  }
  return Parser(node, language, reporter).Parse();
}

}  // namespace keywatch
