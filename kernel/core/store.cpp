#include "core/store.hpp"

#include <algorithm>
#include <chrono>
#include <map>

namespace z4j::core {
namespace {

z4j_str borrow(std::string_view s) { return z4j_str{s.data(), s.size()}; }

std::uint16_t number_of(Table t) { return static_cast<std::uint16_t>(t); }

std::uint16_t type_of(Table t, std::uint16_t column) {
  const z4j_table& table = model::table(t);
  Z4J_CHECK(column < table.column_count);
  return table.columns[column].type;
}

std::uint16_t form_of(std::uint16_t type) {
  switch (type) {
    case Z4J_T_BOOL:
    case Z4J_T_INT:
    case Z4J_T_TIME:
      return Z4J_FORM_NUM;
    case Z4J_T_REAL:
      return Z4J_FORM_REAL;
    case Z4J_T_UUID:
      return Z4J_FORM_16;
    default:
      return Z4J_FORM_VAR;
  }
}

bool bit_at(const std::uint8_t* bits, std::uint32_t i) {
  return bits == nullptr || (bits[i / 8] >> (i % 8) & 1) != 0;
}

}  // namespace

Cell Cell::now(std::int64_t plus_us) {
  Cell cell;
  cell.kind_ = Z4J_V_NOW;
  cell.num_ = plus_us;
  return cell;
}

z4j_value Cell::value() const { return z4j_value{kind_, 0, num_, real_, borrow(text_)}; }

// --- Rows ---------------------------------------------------------------------------------------

struct Rows::Column {
  std::uint16_t number = 0, form = 0;
  std::uint32_t rows = 0;  // filled so far, nulls included
  bool has_null = false;
  std::vector<std::uint8_t> valid;
  std::vector<std::int64_t> nums;
  std::vector<double> reals;
  std::string fixed;  // 16 bytes a row
  std::vector<std::uint32_t> offsets{0};
  std::string text;

  void push_valid(bool is_valid) {
    if (rows % 8 == 0) valid.push_back(0);
    if (is_valid) {
      valid[rows / 8] = static_cast<std::uint8_t>(valid[rows / 8] | (1u << (rows % 8)));
    } else {
      has_null = true;
    }
    ++rows;
  }
  void push_null() {
    push_valid(false);
    switch (form) {
      case Z4J_FORM_NUM:
        nums.push_back(0);
        break;
      case Z4J_FORM_REAL:
        reals.push_back(0);
        break;
      case Z4J_FORM_16:
        fixed.append(16, '\0');
        break;
      default:
        offsets.push_back(static_cast<std::uint32_t>(text.size()));
    }
  }
};

Rows::Rows(Table table) : table_(table), by_number_(model::table(table).column_count, nullptr) {}
Rows::~Rows() = default;
Rows::Rows(Rows&&) noexcept = default;
Rows& Rows::operator=(Rows&&) noexcept = default;

void Rows::clear() {
  rows_ = 0;
  bytes_ = 0;
  columns_.clear();
  std::fill(by_number_.begin(), by_number_.end(), nullptr);
}

Rows& Rows::begin() {
  ++rows_;
  return *this;
}

void Rows::pad(Column& column) {
  while (column.rows + 1 < rows_) column.push_null();
}

Rows::Column& Rows::column(std::uint16_t number) {
  Z4J_CHECK(rows_ > 0 && number < by_number_.size());
  Column*& slot = by_number_[number];
  if (slot == nullptr) {
    columns_.push_back(std::make_unique<Column>());
    slot = columns_.back().get();
    slot->number = number;
    slot->form = form_of(type_of(table_, number));
  }
  pad(*slot);
  Z4J_CHECK(slot->rows + 1 == rows_);  // a column is set once per row
  return *slot;
}

Rows& Rows::num(std::uint16_t number, std::int64_t value) {
  Column& c = column(number);
  Z4J_CHECK(c.form == Z4J_FORM_NUM);
  c.push_valid(true);
  c.nums.push_back(value);
  bytes_ += 8;
  return *this;
}

Rows& Rows::real(std::uint16_t number, double value) {
  Column& c = column(number);
  Z4J_CHECK(c.form == Z4J_FORM_REAL);
  c.push_valid(true);
  c.reals.push_back(value);
  bytes_ += 8;
  return *this;
}

Rows& Rows::text(std::uint16_t number, std::string_view value) {
  Column& c = column(number);
  Z4J_CHECK(c.form == Z4J_FORM_VAR);
  c.push_valid(true);
  if (value.find('\0') != std::string_view::npos && type_of(table_, number) != Z4J_T_BYTES) {
    for (const char ch : value) {
      if (ch != '\0') c.text += ch;
    }
  } else {
    c.text.append(value);
  }
  c.offsets.push_back(static_cast<std::uint32_t>(c.text.size()));
  bytes_ += value.size() + 4;
  return *this;
}

Rows& Rows::uuid(std::uint16_t number, const base::Uuid& value) {
  Column& c = column(number);
  Z4J_CHECK(c.form == Z4J_FORM_16);
  c.push_valid(true);
  c.fixed.append(value.view());
  bytes_ += 16;
  return *this;
}

Rows& Rows::null(std::uint16_t number) {
  column(number).push_null();
  return *this;
}

Rows& Rows::cell(std::uint16_t number, const Cell& value) {
  if (value.kind() == Z4J_V_NULL) return null(number);
  switch (form_of(type_of(table_, number))) {
    case Z4J_FORM_NUM:
      Z4J_CHECK(value.kind() == Z4J_V_NUM);
      return num(number, value.num());
    case Z4J_FORM_REAL:
      return real(number,
                  value.kind() == Z4J_V_REAL ? value.real() : static_cast<double>(value.num()));
    case Z4J_FORM_16:
      return uuid(number, base::Uuid::from_bytes(value.text()));
    default:
      return text(number, value.text());
  }
}

const z4j_rows* Rows::view() {
  cols_.clear();
  for (const auto& c : columns_) {
    while (c->rows < rows_) c->push_null();
    z4j_col col{};
    col.column = c->number;
    col.form = c->form;
    col.valid = c->has_null ? c->valid.data() : nullptr;
    switch (c->form) {
      case Z4J_FORM_NUM:
        col.data = c->nums.data();
        break;
      case Z4J_FORM_REAL:
        col.data = c->reals.data();
        break;
      case Z4J_FORM_16:
        col.data = c->fixed.data();
        break;
      default:
        col.text = z4j_strcol{c->offsets.data(), c->text.data()};
    }
    cols_.push_back(col);
  }
  view_ = z4j_rows{
      sizeof(z4j_rows), rows_, cols_.data(), static_cast<std::uint32_t>(cols_.size()), 0, bytes_};
  return &view_;
}

// --- Where --------------------------------------------------------------------------------------

Where& Where::add(std::uint16_t column, std::uint16_t cmp, std::vector<Cell> values) {
  preds_.push_back(Pred{column, cmp, group_, std::move(values), {}});
  return *this;
}

Where& Where::path(std::uint16_t column, std::string_view pointer, std::uint16_t cmp, Cell value) {
  preds_.push_back(Pred{column, cmp, group_, {std::move(value)}, std::string(pointer)});
  return *this;
}

Where& Where::any(const std::function<void(Where&)>& fill) {
  Z4J_CHECK(group_ == 0);
  group_ = ++last_group_;
  fill(*this);
  group_ = 0;
  return *this;
}

std::span<const z4j_pred> Where::view() const {
  view_.clear();
  value_views_.clear();
  for (const Pred& pred : preds_) {
    auto& values = value_views_.emplace_back();
    for (const Cell& cell : pred.values) values.push_back(cell.value());
    view_.push_back(z4j_pred{pred.column, pred.cmp, pred.any, 0,
                             static_cast<std::uint32_t>(values.size()), 0, values.data(),
                             borrow(pred.path)});
  }
  return view_;
}

// --- Row ----------------------------------------------------------------------------------------

const Row::Slot& Row::slot(std::uint16_t column) const {
  Z4J_CHECK(column < layout_->place_of.size() && layout_->place_of[column] >= 0);
  return slots_[static_cast<std::size_t>(layout_->place_of[column])];
}

bool Row::is_null(std::uint16_t column) const {
  return std::holds_alternative<std::monostate>(slot(column));
}

std::int64_t Row::num(std::uint16_t column, std::int64_t if_null) const {
  const Slot& s = slot(column);
  if (const auto* n = std::get_if<std::int64_t>(&s)) return *n;
  if (const auto* r = std::get_if<double>(&s)) return static_cast<std::int64_t>(*r);
  return if_null;
}

double Row::real(std::uint16_t column, double if_null) const {
  const Slot& s = slot(column);
  if (const auto* r = std::get_if<double>(&s)) return *r;
  if (const auto* n = std::get_if<std::int64_t>(&s)) return static_cast<double>(*n);
  return if_null;
}

std::string_view Row::text(std::uint16_t column) const {
  const auto* s = std::get_if<std::string>(&slot(column));
  return s != nullptr ? std::string_view(*s) : std::string_view();
}

base::Uuid Row::uuid(std::uint16_t column) const {
  const std::string_view bytes = text(column);
  return bytes.size() == 16 ? base::Uuid::from_bytes(bytes) : base::Uuid{};
}

std::optional<base::Uuid> Row::uuid_or_none(std::uint16_t column) const {
  if (is_null(column)) return std::nullopt;
  return uuid(column);
}

std::optional<std::int64_t> Row::num_or_none(std::uint16_t column) const {
  if (is_null(column)) return std::nullopt;
  return num(column);
}

base::json::Value Row::json(std::uint16_t column) const {
  if (is_null(column)) return nullptr;
  auto parsed =
      base::json::parse(text(column), {.max_bytes = std::size_t{64} << 20, .max_depth = 128});
  return parsed ? std::move(parsed).value() : base::json::Value(nullptr);
}

// --- Query --------------------------------------------------------------------------------------

Query& Query::all() {
  for (std::uint16_t c = 0; c < model::table(table_).column_count; ++c)
    outs_.push_back(z4j_out{c, 0, 0, 0});
  return *this;
}

Query& Query::columns(std::initializer_list<std::uint16_t> list) {
  for (const std::uint16_t c : list) outs_.push_back(z4j_out{c, 0, 0, 0});
  return *this;
}

Query& Query::group(std::uint16_t column, std::int64_t bucket) {
  folded_ = true;
  outs_.push_back(z4j_out{column, 0, 0, bucket});
  return *this;
}

Query& Query::count() { return fold(Z4J_AGG_COUNT, 0); }

Query& Query::fold(std::uint16_t agg, std::uint16_t column) {
  folded_ = true;
  outs_.push_back(z4j_out{column, agg, 0, 0});
  return *this;
}

Query& Query::order(std::initializer_list<std::uint16_t> list, bool descending) {
  order_.assign(list);
  descending_ = descending;
  return *this;
}

Query& Query::after(std::vector<Cell> values) {
  after_ = std::move(values);
  return *this;
}

// --- Commit -------------------------------------------------------------------------------------

struct Commit::Body {
  struct Step {
    z4j_step raw{};
    std::optional<Rows> rows;
    Where where;
    std::vector<Set> sets;
    std::vector<z4j_set> set_views;
    std::string channel, payload;
    std::vector<std::uint8_t> outcome;
    bool want_outcome = false;
  };
  std::deque<Step> steps;
  std::vector<std::shared_ptr<Body>> parts;
  std::vector<z4j_step*> pointers;
  std::string serial;
  z4j_commit raw{};

  Step& add(std::uint16_t verb, Table table) {
    Step& step = steps.emplace_back();
    step.raw.struct_size = sizeof(z4j_step);
    step.raw.verb = verb;
    step.raw.table = number_of(table);
    step.raw.expect_max = Commit::kAny;
    return step;
  }

  // Points the raw structs at what is owned here; done before each try, since views may have moved.
  z4j_commit& assemble() {
    pointers.clear();
    for (const auto& part : parts) {
      part->raw.bad_step = part->raw.bad_row = part->raw.bad_key = ~std::uint32_t{0};
      point(part->steps);
      raw.flags |= part->raw.flags;
    }
    point(steps);
    raw.struct_size = sizeof(z4j_commit);
    raw.steps = pointers.data();
    raw.step_count = static_cast<std::uint32_t>(pointers.size());
    raw.serial = borrow(serial);
    raw.bad_step = raw.bad_row = raw.bad_key = ~std::uint32_t{0};
    return raw;
  }

  // The number of the part that bad_step is in, which learns of it.
  std::optional<std::size_t> blame() {
    std::size_t first = 0;
    for (std::size_t i = 0; i < parts.size(); first += parts[i++]->steps.size()) {
      if (raw.bad_step < first || raw.bad_step >= first + parts[i]->steps.size()) continue;
      parts[i]->raw.bad_step = raw.bad_step - static_cast<std::uint32_t>(first);
      parts[i]->raw.bad_row = raw.bad_row;
      parts[i]->raw.bad_key = raw.bad_key;
      return i;
    }
    return std::nullopt;
  }

 private:
  void point(std::deque<Step>& list) {
    for (Step& step : list) {
      if (step.rows) step.raw.rows = step.rows->view();
      const auto preds = step.where.view();
      step.raw.preds = preds.data();
      step.raw.pred_count = static_cast<std::uint32_t>(preds.size());
      step.set_views.clear();
      for (const Set& set : step.sets)
        step.set_views.push_back(z4j_set{set.column, set.merge, 0, set.value.value()});
      step.raw.sets = step.set_views.data();
      step.raw.set_count = static_cast<std::uint32_t>(step.set_views.size());
      step.raw.channel = borrow(step.channel);
      step.raw.payload = borrow(step.payload);
      step.raw.affected = 0;
      if (step.want_outcome && step.rows) {
        step.outcome.assign(step.rows->size(), Z4J_ROW_UNTOUCHED);
        step.raw.outcome = step.outcome.data();
      }
      pointers.push_back(&step.raw);
    }
  }
};

Commit::Commit() : body_(std::make_shared<Body>()) {}
Commit::~Commit() = default;
Commit::Commit(Commit&&) noexcept = default;
Commit& Commit::operator=(Commit&&) noexcept = default;

Commit& Commit::insert(Rows rows) {
  auto& step = body_->add(Z4J_STEP_INSERT, rows.table());
  step.rows = std::move(rows);
  return *this;
}

Commit& Commit::insert_new(Rows rows, bool all_must_be_new) {
  auto& step = body_->add(Z4J_STEP_INSERT_NEW, rows.table());
  if (all_must_be_new) step.raw.expect_min = rows.size();
  step.rows = std::move(rows);
  return *this;
}

Commit& Commit::merge(Rows rows, Where guard, bool want_outcome) {
  auto& step = body_->add(Z4J_STEP_MERGE, rows.table());
  step.rows = std::move(rows);
  step.where = std::move(guard);
  step.want_outcome = want_outcome;
  return *this;
}

Commit& Commit::patch(Rows rows, Where guard, bool want_outcome) {
  auto& step = body_->add(Z4J_STEP_PATCH, rows.table());
  step.rows = std::move(rows);
  step.where = std::move(guard);
  step.want_outcome = want_outcome;
  return *this;
}

Commit& Commit::update(Table table, Where where, std::vector<Set> sets, std::uint64_t expect_min,
                       std::uint64_t expect_max, std::uint32_t limit) {
  auto& step = body_->add(Z4J_STEP_UPDATE, table);
  step.where = std::move(where);
  step.sets = std::move(sets);
  step.raw.expect_min = expect_min;
  step.raw.expect_max = expect_max;
  step.raw.limit = limit;
  return *this;
}

Commit& Commit::erase(Table table, Where where, std::uint32_t limit) {
  auto& step = body_->add(Z4J_STEP_DELETE, table);
  step.where = std::move(where);
  step.raw.limit = limit;
  return *this;
}

Commit& Commit::check(Table table, Where where, std::uint64_t expect_min,
                      std::uint64_t expect_max) {
  auto& step = body_->add(Z4J_STEP_CHECK, table);
  step.where = std::move(where);
  step.raw.expect_min = expect_min;
  step.raw.expect_max = expect_max;
  return *this;
}

Commit& Commit::notice(std::string_view channel, std::string_view payload) {
  auto& step = body_->add(Z4J_STEP_NOTICE, Table::meta);
  step.channel = channel;
  step.payload = payload;
  return *this;
}

Commit& Commit::serial(std::string_view text) {
  body_->serial = text;
  return *this;
}

Commit& Commit::relaxed() {
  body_->raw.flags |= Z4J_COMMIT_RELAXED;
  return *this;
}

Commit& Commit::retention() {
  body_->raw.flags |= Z4J_COMMIT_RETENTION;
  return *this;
}

Commit& Commit::include(const Commit& part) {
  body_->parts.push_back(part.body_);
  return *this;
}

std::size_t Commit::steps() const noexcept { return body_->steps.size(); }
std::uint64_t Commit::affected(std::size_t step) const {
  return body_->steps.at(step).raw.affected;
}
std::span<const std::uint8_t> Commit::outcome(std::size_t step) const {
  return body_->steps.at(step).outcome;
}
std::uint32_t Commit::bad_step() const noexcept { return body_->raw.bad_step; }
std::uint32_t Commit::bad_row() const noexcept { return body_->raw.bad_row; }
std::uint32_t Commit::bad_key() const noexcept { return body_->raw.bad_key; }
std::optional<std::size_t> Commit::bad_part() const noexcept { return body_->blame(); }

// A query as drivers take it; borrows from the Query.
struct RawQuery {
  explicit RawQuery(const Query& query) {
    for (const Cell& cell : query.after_) after.push_back(cell.value());
    const auto preds = query.where.view();
    raw.struct_size = sizeof raw;
    raw.table = number_of(query.table_);
    raw.preds = preds.data();
    raw.pred_count = static_cast<std::uint32_t>(preds.size());
    raw.outs = query.outs_.data();
    raw.out_count = static_cast<std::uint32_t>(query.outs_.size());
    raw.order = query.order_.data();
    raw.order_count = static_cast<std::uint32_t>(query.order_.size());
    raw.after = after.data();
    raw.after_count = static_cast<std::uint32_t>(after.size());
    raw.descending = query.descending_ ? 1 : 0;
    raw.limit = query.limit_;
    raw.scan_limit = query.scan_limit_;
    raw.timeout_ms = query.timeout_ms_;
    raw.flags = query.flags_;
  }
  std::vector<z4j_value> after;
  z4j_query raw{};
};

// --- Store --------------------------------------------------------------------------------------

struct Store::Inside {
  using Session = plugin::StorageClient::Session;

  struct Lane {
    std::mutex mutex;                  // one commit at a time
    std::unique_ptr<Session> session;  // null after a failure: opened anew at the next commit
  };

  std::shared_ptr<plugin::StorageClient> driver;
  Options options;
  z4j_store_info info{};
  std::vector<std::unique_ptr<Lane>> lanes;  // ingest lanes; the last one also serves commit()
  Lane apart;

  std::mutex readers_mutex;
  std::condition_variable reader_freed;
  std::vector<std::unique_ptr<Session>> idle_readers;
  unsigned readers_open = 0;

  base::Result<std::unique_ptr<Session>> lease() {
    std::unique_lock lock(readers_mutex);
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(options.lease_timeout_ms);
    while (idle_readers.empty() && readers_open >= options.readers) {
      if (reader_freed.wait_until(lock, until) == std::cv_status::timeout) {
        return base::Error{.code = base::Code::busy,
                           .message = "all database readers are in use",
                           .where = {},
                           .hint = "try again in a moment",
                           .retry_after_ms = 1000};
      }
    }
    if (!idle_readers.empty()) {
      auto session = std::move(idle_readers.back());
      idle_readers.pop_back();
      return session;
    }
    ++readers_open;
    lock.unlock();
    auto opened = driver->open(0);
    if (!opened) {
      const std::lock_guard again(readers_mutex);
      --readers_open;
      reader_freed.notify_one();
    }
    return opened;
  }

  void give_back(std::unique_ptr<Session> session, bool broken) {
    const std::lock_guard lock(readers_mutex);
    if (broken) {
      --readers_open;
    } else {
      idle_readers.push_back(std::move(session));
    }
    reader_freed.notify_one();
  }

  static bool breaks_session(const base::Error& e) {
    return e.code == base::Code::unavailable || e.code == base::Code::unknown ||
           e.code == base::Code::io || e.code == base::Code::timeout;
  }

  base::Status run(Lane& lane, Commit& commit) {
    const std::lock_guard lock(lane.mutex);
    if (!lane.session) {
      auto opened = driver->open(Z4J_SESSION_WRITE);
      if (!opened) return std::move(opened).error();
      lane.session = std::move(opened).value();
    }
    z4j_commit& raw = commit.body_->assemble();
    raw.timeout_ms = static_cast<std::uint32_t>(options.commit_timeout_ms);
    base::Status done = lane.session->commit(raw, options.commit_timeout_ms, commit.body_);
    if (!done && breaks_session(done.error())) lane.session.reset();
    return done;
  }
};

Store::Store(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Store::~Store() = default;

base::Result<std::unique_ptr<Store>> Store::open(std::shared_ptr<plugin::StorageClient> driver,
                                                 Options options) {
  auto migrated = driver->migrate(model::schema(), false, 600'000);
  if (!migrated) return std::move(migrated).error();
  auto inside = std::make_unique<Inside>();
  inside->info = driver->info();
  inside->driver = std::move(driver);
  inside->options = options;
  const unsigned writers = std::clamp(inside->info.writers, 1u, 8u);
  for (unsigned i = 0; i < writers; ++i) inside->lanes.push_back(std::make_unique<Inside::Lane>());
  std::unique_ptr<Store> store(new Store(std::move(inside)));
  if (auto answered = store->ping(5000); !answered) return answered.error();
  return store;
}

const z4j_store_info& Store::info() const noexcept { return inside_->info; }
unsigned Store::lanes() const noexcept { return static_cast<unsigned>(inside_->lanes.size()); }
base::Status Store::commit(Commit& commit) { return inside_->run(*inside_->lanes.back(), commit); }
base::Status Store::commit_on(unsigned lane, Commit& commit) {
  return inside_->run(*inside_->lanes.at(lane), commit);
}

base::Status Store::commit_apart(Commit& commit) { return inside_->run(inside_->apart, commit); }
base::Status Store::listen(const std::vector<std::string>& channels) {
  return inside_->driver->listen(channels);
}
bool Store::is_shared() const noexcept {
  return (inside_->info.capabilities & Z4J_STORE_SHARED) != 0;
}

base::Status Store::each(const Query& query, const std::function<bool(const Row&)>& row) {
  const z4j_table& table = model::table(query.table_);
  Row out;
  auto layout = std::make_shared<Row::Layout>();
  layout->place_of.assign(std::max<std::size_t>(table.column_count, query.outs_.size()), -1);
  for (std::size_t i = 0; i < query.outs_.size(); ++i) {
    layout->place_of[query.folded_ ? i : query.outs_[i].column] = static_cast<std::int16_t>(i);
  }
  out.layout_ = layout;

  const RawQuery raw(query);

  const auto take = [&](const z4j_rows& rows) {
    for (std::uint32_t r = 0; r < rows.rows; ++r) {
      out.slots_.assign(query.outs_.size(), std::monostate{});
      for (std::uint32_t c = 0; c < rows.col_count; ++c) {
        const z4j_col& col = rows.cols[c];
        if (!bit_at(col.valid, r)) continue;
        const std::size_t place =
            query.folded_ ? col.column : static_cast<std::size_t>(layout->place_of.at(col.column));
        Row::Slot& slot = out.slots_.at(place);
        switch (col.form) {
          case Z4J_FORM_NUM:
            slot = static_cast<const std::int64_t*>(col.data)[r];
            break;
          case Z4J_FORM_REAL:
            slot = static_cast<const double*>(col.data)[r];
            break;
          case Z4J_FORM_16:
            slot = std::string(static_cast<const char*>(col.data) + std::size_t{r} * 16, 16);
            break;
          case Z4J_FORM_DICT: {
            const std::uint32_t i = static_cast<const std::uint32_t*>(col.data)[r];
            slot = std::string(col.text.data + col.text.offsets[i],
                               col.text.offsets[i + 1] - col.text.offsets[i]);
            break;
          }
          default:
            slot = std::string(col.text.data + col.text.offsets[r],
                               col.text.offsets[r + 1] - col.text.offsets[r]);
        }
      }
      if (!row(out)) return false;
    }
    return true;
  };

  auto leased = inside_->lease();
  if (!leased) return std::move(leased).error();
  auto session = std::move(leased).value();
  base::Status done;
  try {
    done = session->read(raw.raw, 512, take);
  } catch (...) {
    inside_->give_back(std::move(session), true);
    throw;
  }
  inside_->give_back(std::move(session), !done && Inside::breaks_session(done.error()));
  return done;
}

base::Result<std::vector<Row>> Store::read(const Query& query) {
  std::vector<Row> rows;
  auto done = each(query, [&rows](const Row& row) {
    rows.push_back(row);
    return true;
  });
  if (!done) return std::move(done).error();
  return rows;
}

base::Result<std::optional<Row>> Store::first(Query query) {
  std::optional<Row> found;
  auto done = each(query.limit(1), [&found](const Row& row) {
    found = row;
    return false;
  });
  if (!done) return std::move(done).error();
  return found;
}

base::Result<std::uint64_t> Store::count(Table table, const Where& where, std::uint64_t cap) {
  Query query(table);
  query.where = where;
  query.count().scan_limit(cap);
  auto row = first(std::move(query));
  if (!row) return std::move(row).error();
  return row->has_value() ? static_cast<std::uint64_t>((*row)->num(0)) : 0;
}

base::Status Store::ping(int timeout_ms) {
  Query query(Table::meta);
  query.columns({model::meta::key}).limit(1).timeout_ms(static_cast<std::uint32_t>(timeout_ms));
  return each(query, [](const Row&) { return false; });
}

Store::Pool Store::pool() const {
  const std::lock_guard lock(inside_->readers_mutex);
  return {inside_->options.readers,
          inside_->readers_open - static_cast<unsigned>(inside_->idle_readers.size())};
}

base::Result<std::string> Store::stats() {
  auto leased = inside_->lease();
  if (!leased) return std::move(leased).error();
  auto session = std::move(leased).value();
  auto answer = session->stats();
  inside_->give_back(std::move(session), !answer);
  return answer;
}

base::Result<std::string> Store::explain(const Query& query) {
  const RawQuery raw(query);
  auto leased = inside_->lease();
  if (!leased) return std::move(leased).error();
  auto session = std::move(leased).value();
  auto answer = session->explain(raw.raw);
  inside_->give_back(std::move(session), !answer);
  return answer;
}

base::Status Store::backup(const std::string& target) {
  auto leased = inside_->lease();
  if (!leased) return std::move(leased).error();
  auto session = std::move(leased).value();
  auto done = session->backup(target, 600'000);
  inside_->give_back(std::move(session), !done);
  return done;
}

}  // namespace z4j::core
