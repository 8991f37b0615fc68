// Copyright 2026 The vis_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Decodes the masks on standard input and writes what comes out, for a comparison with another
// decoder (test/client/test_mask_header.py). One mask a line:
//   x y width height image_width image_height number_of_counts counts...
// One answer a line: the fault in words, or the area, the crop and the image as strings of 0 and 1,
// and whether mask_contains says the same of each pixel.

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "vis_msgs/mask.hpp"

struct Mask
{
  std::uint32_t x = 0;
  std::uint32_t y = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint32_t> counts;
};

static std::string digits(const std::vector<std::uint8_t> & pixels)
{
  std::string text = "=";  // so that nothing is a word too
  for (const std::uint8_t pixel : pixels) {
    text += pixel != 0 ? '1' : '0';
  }
  return text;
}

static std::string answer(const Mask & mask, std::size_t columns, std::size_t rows)
{
  const auto status = vis_msgs::check_mask(mask, columns, rows);
  if (!status) {
    return status.what();
  }
  std::vector<std::uint8_t> crop;
  std::vector<std::uint8_t> image(columns * rows, 0);
  if (!vis_msgs::decode_mask(mask, crop, 1) ||
    !vis_msgs::paint_mask(mask, image.data(), columns, rows, columns, 1))
  {
    return "valid, but not decoded";
  }
  bool is_same = true;
  for (std::size_t at = 0; at < image.size(); ++at) {
    const auto u = static_cast<std::int64_t>(at % columns);
    const auto v = static_cast<std::int64_t>(at / columns);
    is_same = is_same && vis_msgs::mask_contains(mask, u, v) == (image[at] != 0);
  }
  return std::to_string(vis_msgs::mask_area(mask)) + ' ' + digits(crop) + ' ' + digits(image) +
         (is_same ? " same" : " different");
}

int main()
{
  Mask mask;
  std::size_t columns = 0;
  std::size_t rows = 0;
  std::size_t size = 0;
  while (std::cin >> mask.x >> mask.y >> mask.width >> mask.height >> columns >> rows >> size) {
    mask.counts.resize(size);
    for (auto & count : mask.counts) {
      std::cin >> count;
    }
    std::cout << answer(mask, columns, rows) << '\n';
  }
  return 0;
}
