#include "base/log_scope.hpp"

namespace z4j::base {
namespace {

constexpr std::size_t kMostFields = 16;
thread_local LogScope* first_scope = nullptr;
thread_local LogScope* last_scope = nullptr;

}  // namespace

LogScope::LogScope() noexcept : outer_(last_scope) {
  (outer_ == nullptr ? first_scope : outer_->inner_) = this;
  last_scope = this;
}

LogScope::~LogScope() {
  (outer_ == nullptr ? first_scope : outer_->inner_) = nullptr;
  last_scope = outer_;
}

void LogScope::add(std::string_view name, std::string_view value) {
  if (!value.empty() && fields_.size() < kMostFields) fields_.emplace_back(name, value);
}

const LogScope* LogScope::outermost() noexcept { return first_scope; }

}  // namespace z4j::base
