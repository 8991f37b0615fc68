// Copyright 2026 The vis_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Decoding of masks. Inside a ROS workspace with the message itself, elsewhere with a struct of
// the same fields.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "vis_msgs/mask.hpp"

#if __has_include(<vis_msgs/msg/instance_mask.hpp>)
#include <vis_msgs/msg/instance_mask.hpp>
using Mask = vis_msgs::msg::InstanceMask;
#else
struct Mask
{
  std::uint32_t x = 0;
  std::uint32_t y = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint32_t> counts;
};
#endif

using vis_msgs::MaskFault;
using Bytes = std::vector<std::uint8_t>;

namespace
{

constexpr std::uint32_t kMost = 0xFFFFFFFF;

Mask make(
  std::uint32_t x, std::uint32_t y, std::uint32_t width, std::uint32_t height,
  std::vector<std::uint32_t> counts)
{
  Mask mask;
  mask.x = x;
  mask.y = y;
  mask.width = width;
  mask.height = height;
  mask.counts.assign(counts.begin(), counts.end());
  return mask;
}

/// Run lengths of a crop, row by row, background first.
Mask encode(const Bytes & crop, std::uint32_t width, std::uint32_t height)
{
  Mask mask = make(0, 0, width, height, {});
  std::uint8_t value = 0;
  std::uint32_t run = 0;
  for (const std::uint8_t pixel : crop) {
    if ((pixel != 0) != (value != 0)) {
      mask.counts.push_back(run);
      run = 0;
      value = pixel;
    }
    ++run;
  }
  mask.counts.push_back(run);
  return mask;
}

}  // namespace

TEST(Mask, Empty)
{
  const Mask mask = make(0, 0, 0, 0, {});
  Bytes pixels(3, 9);
  EXPECT_TRUE(vis_msgs::decode_mask(mask, pixels));
  EXPECT_TRUE(pixels.empty());
  EXPECT_EQ(vis_msgs::mask_area(mask), 0u);
  EXPECT_FALSE(vis_msgs::mask_contains(mask, 0, 0));
  EXPECT_TRUE(vis_msgs::check_mask(mask, 0, 0));
  EXPECT_TRUE(vis_msgs::paint_mask(mask, nullptr, 0, 0, 0));
  EXPECT_EQ(vis_msgs::check_mask(mask).what(), "");
}

TEST(Mask, ByHand)
{
  const Mask mask = make(2, 1, 3, 2, {1, 3, 1, 1});  // .## / #.#
  Bytes pixels;
  ASSERT_TRUE(vis_msgs::decode_mask(mask, pixels, 7));
  EXPECT_EQ(pixels, (Bytes{0, 7, 7, 7, 0, 7}));
  EXPECT_EQ(vis_msgs::mask_area(mask), 4u);

  Bytes image(4 * 8, 1);  // 6 columns in rows of 8 bytes
  ASSERT_TRUE(vis_msgs::paint_mask(mask, image.data(), 6, 4, 8, 5));
  Bytes expected(4 * 8, 1);
  expected[1 * 8 + 3] = expected[1 * 8 + 4] = expected[2 * 8 + 2] = expected[2 * 8 + 4] = 5;
  EXPECT_EQ(image, expected);
}

TEST(Mask, StartsWithForeground)
{
  Bytes pixels;
  ASSERT_TRUE(vis_msgs::decode_mask(make(0, 0, 2, 2, {0, 3, 1}), pixels, 1));
  EXPECT_EQ(pixels, (Bytes{1, 1, 1, 0}));
  ASSERT_TRUE(vis_msgs::decode_mask(make(0, 0, 2, 2, {0, 1, 0, 3}), pixels, 1));
  EXPECT_EQ(pixels, (Bytes{1, 1, 1, 1}));
}

TEST(Mask, RandomMasksComeBack)
{
  std::mt19937 random(7);
  const auto below = [&random](std::uint32_t limit) {
      return static_cast<std::uint32_t>(random() % limit);
    };
  for (int trial = 0; trial < 300; ++trial) {
    const std::uint32_t width = 1 + below(17);
    const std::uint32_t height = 1 + below(17);
    Bytes crop(std::size_t{width} * height);
    std::uint64_t area = 0;
    for (auto & pixel : crop) {
      pixel = below(3) == 0 ? 255 : 0;
      area += pixel != 0;
    }
    Mask mask = encode(crop, width, height);
    mask.x = below(5);
    mask.y = below(5);
    Bytes pixels;
    ASSERT_TRUE(vis_msgs::decode_mask(mask, pixels));
    ASSERT_EQ(pixels, crop);
    ASSERT_EQ(vis_msgs::mask_area(mask), area);

    const std::size_t columns = mask.x + width + below(3);
    const std::size_t rows = mask.y + height + below(3);
    Bytes image(rows * columns, 0);
    ASSERT_TRUE(vis_msgs::paint_mask(mask, image.data(), columns, rows, columns));
    for (std::size_t v = 0; v < rows; ++v) {
      for (std::size_t u = 0; u < columns; ++u) {
        ASSERT_EQ(
          image[v * columns + u] != 0,
          vis_msgs::mask_contains(
            mask, static_cast<std::int64_t>(u), static_cast<std::int64_t>(v)));
      }
    }
  }
}

TEST(Mask, WrongSums)
{
  for (const auto & mask : {
      make(0, 0, 2, 2, {3}), make(0, 0, 2, 2, {1, 1, 1}), make(0, 0, 2, 2, {5}),
      make(0, 0, 2, 2, {4, 1}), make(0, 0, 2, 2, {kMost, 5}), make(0, 0, 2, 2, {}),
      make(0, 0, 0, 0, {1}), make(0, 0, kMost, kMost, {kMost, kMost})})
  {
    Bytes pixels(9, 9);
    const auto status = vis_msgs::decode_mask(mask, pixels);
    EXPECT_FALSE(status);
    EXPECT_EQ(status.fault, MaskFault::kWrongSum);
    EXPECT_TRUE(pixels.empty());
    Bytes image(16, 3);
    EXPECT_FALSE(vis_msgs::paint_mask(mask, image.data(), 4, 4, 4));
    EXPECT_EQ(image, Bytes(16, 3));
  }
  EXPECT_EQ(
    vis_msgs::check_mask(make(0, 0, 2, 2, {3})).what(),
    "mask.counts: sum of the runs: expected 4, got 3");
}

TEST(Mask, OneSide)
{
  const auto status = vis_msgs::check_mask(make(0, 0, 0, 7, {}));
  EXPECT_EQ(status.fault, MaskFault::kOneSide);
  EXPECT_EQ(status.what(), "mask: crop with one side only: expected 0, got 7");
  EXPECT_FALSE(vis_msgs::check_mask(make(0, 0, 7, 0, {})));
}

TEST(Mask, OutOfTheImage)
{
  const Mask mask = make(3, 2, 2, 2, {0, 4});
  EXPECT_TRUE(vis_msgs::check_mask(mask, 5, 4));
  const auto right = vis_msgs::check_mask(mask, 4, 4);
  EXPECT_EQ(right.fault, MaskFault::kOutside);
  EXPECT_EQ(right.what(), "mask: crop reaches out of the image: expected at most 4, got 5");
  EXPECT_FALSE(vis_msgs::check_mask(mask, 5, 3));
  EXPECT_FALSE(vis_msgs::check_mask(make(kMost, kMost, 2, 2, {0, 4}), 5, 4));
  Bytes image(16, 3);
  EXPECT_FALSE(vis_msgs::paint_mask(mask, image.data(), 4, 4, 4));
  EXPECT_EQ(image, Bytes(16, 3));
}

TEST(Mask, TooLarge)
{
  Bytes pixels;
  const auto status = vis_msgs::decode_mask(make(0, 0, 65536, 32768, {1u << 31}), pixels);
  EXPECT_EQ(status.fault, MaskFault::kTooLarge);
  EXPECT_EQ(status.what(), "mask: pixels of the crop: expected at most 268435456, got 2147483648");
  EXPECT_TRUE(vis_msgs::decode_mask(make(0, 0, 2, 2, {4}), pixels, 1, 4));
  EXPECT_FALSE(vis_msgs::decode_mask(make(0, 0, 2, 2, {4}), pixels, 1, 3));
  EXPECT_TRUE(pixels.empty());
}

TEST(Mask, PointsOutside)
{
  const Mask mask = make(1, 1, 2, 2, {0, 4});
  EXPECT_TRUE(vis_msgs::mask_contains(mask, 1, 1));
  EXPECT_TRUE(vis_msgs::mask_contains(mask, 2, 2));
  for (const auto & [u, v] : {std::pair{0, 1}, {1, 0}, {3, 1}, {1, 3}, {-1, -1}, {1 << 30, 1}}) {
    EXPECT_FALSE(vis_msgs::mask_contains(mask, u, v));
  }
  EXPECT_FALSE(vis_msgs::mask_contains(make(0, 0, 2, 2, {0, 1}), 1, 1)) << "behind the last run";
}
