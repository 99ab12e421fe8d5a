#include "core/gaps.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace gap_col = model::gaps;

constexpr std::size_t kGapWhyCharacters = 500;

}  // namespace

void add_gap(Commit& commit, const Gap& gap, base::TimeUs now) {
  Rows rows(Table::gaps);
  rows.begin()
      .uuid(gap_col::id, gap.id)
      .uuid(gap_col::project_id, gap.project_id)
      .uuid(gap_col::agent_id, gap.agent_id)
      .text(gap_col::engine, gap.engine)
      .num(gap_col::from_at, std::min(gap.from_at, gap.to_at))
      .num(gap_col::to_at, gap.to_at)
      .text_or_null(gap_col::why, clean_text(gap.why, kGapWhyCharacters))
      .num(gap_col::created_at, now);
  commit.insert(std::move(rows));
}

base::Status note_rebuilt(Store& store, const std::optional<Fence>& fence, const base::Uuid& gap,
                          std::int64_t rebuilt) {
  Where where;
  where.eq(gap_col::id, gap);
  Commit commit;
  if (fence) fence->guard(commit);
  commit.update(Table::gaps, std::move(where), {{gap_col::rebuilt, rebuilt}});
  commit.relaxed();
  return store.commit(commit);
}

}  // namespace z4j::core
