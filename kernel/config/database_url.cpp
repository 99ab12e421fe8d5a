#include "config/config.hpp"

namespace z4j::config {
namespace {

base::Error database_url_error(std::string message) {
  return base::Error{
      .code = base::Code::bad_config,
      .message = std::move(message),
      .where = {},
      .hint =
          "use sqlite:///PATH (four slashes for an absolute path), postgresql://USER@HOST/NAME or "
          "plugin:NAME, a [plugin.NAME] table"};
}

// asyncpg's "ssl=" is libpq's "sslmode=".
std::string plain_query(std::string url) {
  const std::size_t query = url.find('?');
  for (std::size_t at = query; at != std::string::npos; at = url.find('&', at + 1)) {
    if (url.compare(at + 1, 4, "ssl=") == 0) url.replace(at + 1, 4, "sslmode=");
  }
  return url;
}

}  // namespace

base::Result<DatabaseUrl> parse_database_url(std::string_view url) {
  for (const char c : url) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return database_url_error("has a control character");
  }
  DatabaseUrl out;
  for (const std::string_view scheme : {"sqlite+aiosqlite:///", "sqlite:///"}) {
    if (url.rfind(scheme, 0) != 0) continue;
    out.path = std::string(url.substr(scheme.size()));
    if (out.path.empty() || out.path == ":memory:" || out.path.back() == '/')
      return database_url_error("names no SQLite file");
    if (out.path.find('?') != std::string::npos)
      return database_url_error("has options that an SQLite database does not take");
    return out;
  }
  for (const std::string_view scheme : {"postgresql+asyncpg://", "postgresql://", "postgres://"}) {
    if (url.rfind(scheme, 0) != 0) continue;
    if (url.size() == scheme.size()) return database_url_error("names no PostgreSQL server");
    out.kind = DatabaseUrl::Kind::postgresql;
    out.url = plain_query("postgresql://" + std::string(url.substr(scheme.size())));
    return out;
  }
  if (constexpr std::string_view kPlugin = "plugin:"; url.rfind(kPlugin, 0) == 0) {
    out.kind = DatabaseUrl::Kind::plugin;
    out.instance = std::string(url.substr(kPlugin.size()));
    if (out.instance.empty()) return database_url_error("names no plugin instance");
    return out;
  }
  return database_url_error("is no database URL this brain knows");
}

}  // namespace z4j::config
