// Due times for a second implementation to compare with: each line of the input is
// KIND<tab>EXPRESSION<tab>ZONE<tab>AFTER<tab>COUNT in seconds; the answer is a line of seconds, or
// "! why".
#include "lib/calendar/timetable.hpp"

#include <z4j/plugin.hpp>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::vector<std::string> words(1);
    for (const char c : line) {
      if (c == '\t')
        words.emplace_back();
      else
        words.back() += c;
    }
    if (words.size() != 5) return 2;
    try {
      const auto times = z4j::calendar::Timetable::read(words[0], words[1], words[2]);
      std::int64_t after = std::atoll(words[3].c_str()) * 1'000'000;
      for (long long left = std::atoll(words[4].c_str()); left > 0; --left) {
        const auto next = times.next(after);
        if (!next) break;
        after = *next;
        std::cout << after / 1'000'000 << ' ';
      }
      std::cout << '\n';
    } catch (const z4j::Error& e) {
      std::cout << "! " << e.where << ' ' << e.what() << '\n';
    }
  }
}
