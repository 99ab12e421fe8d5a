#include "base/byte_budget.hpp"

#include <stdexcept>
#include <utility>

namespace z4j::base {
namespace {

std::size_t share_of(std::size_t limit_bytes, double high_water) {
  if (!(high_water > 0.0 && high_water <= 1.0)) {  // written so that NaN is refused too
    throw std::invalid_argument("byte budget: high_water must be above 0 and at most 1");
  }
  return static_cast<std::size_t>(static_cast<double>(limit_bytes) * high_water);
}

}  // namespace

ByteBudget::ByteBudget(std::size_t limit_bytes, double high_water)
    : limit_bytes_(limit_bytes), high_water_bytes_(share_of(limit_bytes, high_water)) {}

std::optional<ByteBudget::Reservation> ByteBudget::reserve(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > limit_bytes_ - used_bytes_) return std::nullopt;  // written so that it can't overflow
  used_bytes_ += bytes;
  return Reservation(*this, bytes);
}

bool ByteBudget::under_pressure() const {
  const std::lock_guard lock(mutex_);
  return used_bytes_ > high_water_bytes_;
}

std::size_t ByteBudget::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return used_bytes_;
}

void ByteBudget::give_back(std::size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  used_bytes_ -= bytes;
}

ByteBudget::Reservation::Reservation(Reservation&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

ByteBudget::Reservation& ByteBudget::Reservation::operator=(Reservation&& other) noexcept {
  Reservation taken(std::move(other));  // ours goes back when `taken` dies
  std::swap(budget_, taken.budget_);
  std::swap(bytes_, taken.bytes_);
  return *this;
}

ByteBudget::Reservation::~Reservation() {
  if (budget_ != nullptr) budget_->give_back(bytes_);
}

}  // namespace z4j::base
