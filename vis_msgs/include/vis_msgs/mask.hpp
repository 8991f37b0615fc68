// Copyright 2026 The vis_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Decodes vis_msgs/msg/InstanceMask. Header only, C++17, nothing but the standard library.
//
// Everything is a template over the message, so it takes the message of rclcpp and any struct with
// the same fields (x, y, width, height, counts). The crop is read row by row and the first run is
// background; see msg/InstanceMask.msg.
//
// Errors are values: what can fail returns a MaskStatus, which is true when all went well. No
// function throws anything but std::bad_alloc, and none reads or writes outside of what it was
// given, whatever the message says. A message is checked before a single pixel is written.

#ifndef VIS_MSGS__MASK_HPP_
#define VIS_MSGS__MASK_HPP_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace vis_msgs
{

/// Largest crop that decode_mask makes memory for [px]; the same as in vis_ros.client.
constexpr std::uint64_t kMaskMaxPixels = std::uint64_t{1} << 28;

enum class MaskFault : std::uint8_t
{
  kNone,      // the mask is valid
  kWrongSum,  // the runs do not add up to the crop: got their sum, expected width * height
  kOneSide,   // one side of the crop is 0 and the other is not: got that other side
  kOutside,   // the crop ends at column or row `got`, the image has only `expected`
  kTooLarge   // the crop has `got` pixels, more than `expected`
};

/// What a check found; true when there is no fault.
struct MaskStatus
{
  MaskFault fault = MaskFault::kNone;
  std::uint64_t got = 0;
  std::uint64_t expected = 0;

  explicit operator bool() const noexcept {return fault == MaskFault::kNone;}

  /// The fault in words with its numbers; empty when there is none.
  std::string what() const
  {
    const std::string numbers = std::to_string(expected) + ", got " + std::to_string(got);
    switch (fault) {
      case MaskFault::kWrongSum:
        return "mask.counts: sum of the runs: expected " + numbers;
      case MaskFault::kOneSide:
        return "mask: crop with one side only: expected " + numbers;
      case MaskFault::kOutside:
        return "mask: crop reaches out of the image: expected at most " + numbers;
      case MaskFault::kTooLarge:
        return "mask: pixels of the crop: expected at most " + numbers;
      default:
        return {};
    }
  }
};

namespace detail
{

/// Calls `write(row, column, count)` for every stretch of foreground inside one row of the crop.
/// The mask must be valid.
template<typename Mask, typename Write>
void for_each_stretch(const Mask & mask, const Write & write)
{
  std::uint64_t at = 0;  // index in the crop, row by row
  bool is_foreground = false;
  for (const std::uint64_t run : mask.counts) {
    const std::uint64_t end = at + run;
    while (is_foreground && at < end) {
      const std::uint64_t row = at / mask.width;
      const std::uint64_t column = at % mask.width;
      const std::uint64_t count = std::min(end - at, mask.width - column);
      write(row, column, count);
      at += count;
    }
    at = end;
    is_foreground = !is_foreground;
  }
}

}  // namespace detail

/// Checks that the runs add up to the crop. Takes time linear in the number of runs.
template<typename Mask>
MaskStatus check_mask(const Mask & mask) noexcept
{
  if ((mask.width == 0) != (mask.height == 0)) {
    return {MaskFault::kOneSide, std::max<std::uint64_t>(mask.width, mask.height), 0};
  }
  const std::uint64_t area = std::uint64_t{mask.width} * mask.height;  // below 2^64
  std::uint64_t sum = 0;
  for (const std::uint64_t run : mask.counts) {
    if (run > area - sum) {  // sum <= area always holds here, so nothing wraps around
      return {MaskFault::kWrongSum, sum + run, area};
    }
    sum += run;
  }
  return sum == area ? MaskStatus{} : MaskStatus{MaskFault::kWrongSum, sum, area};
}

/// Checks also that the crop lies inside an image of that many columns and rows.
template<typename Mask>
MaskStatus check_mask(
  const Mask & mask, std::uint64_t image_width, std::uint64_t image_height) noexcept
{
  const std::uint64_t right = std::uint64_t{mask.x} + mask.width;
  const std::uint64_t bottom = std::uint64_t{mask.y} + mask.height;
  if (right > image_width) {
    return {MaskFault::kOutside, right, image_width};
  }
  if (bottom > image_height) {
    return {MaskFault::kOutside, bottom, image_height};
  }
  return check_mask(mask);
}

/// Writes `value` on the mask's pixels of a single-channel 8-bit image; others stay as they are.
///
/// For a cv::Mat of type CV_8UC1: paint_mask(mask, image.data, image.cols, image.rows, image.step).
///
/// @param image First pixel of the image, of image_height rows of row_bytes bytes each.
/// @param row_bytes Distance of two rows in memory [bytes], at least image_width.
/// @return The fault, and then no pixel was written.
template<typename Mask>
MaskStatus paint_mask(
  const Mask & mask, std::uint8_t * image, std::size_t image_width, std::size_t image_height,
  std::size_t row_bytes, std::uint8_t value = 255) noexcept
{
  const MaskStatus status = check_mask(mask, image_width, image_height);
  if (status) {
    detail::for_each_stretch(
      mask, [&](std::uint64_t row, std::uint64_t column, std::uint64_t count) {
        std::uint8_t * first = image + (mask.y + row) * row_bytes + mask.x + column;
        std::fill(first, first + count, value);
      });
  }
  return status;
}

/// Decodes the crop into a row-major buffer of mask.width * mask.height bytes: `value` on the
/// instance, 0 elsewhere. Its first pixel is (mask.x, mask.y) of the source image.
///
/// As a cv::Mat without a copy: cv::Mat(mask.height, mask.width, CV_8UC1, pixels.data()).
///
/// @param pixels Resized to fit; empty for an empty mask, and when there is a fault.
/// @param max_pixels Larger crops are refused [px].
template<typename Mask>
MaskStatus decode_mask(
  const Mask & mask, std::vector<std::uint8_t> & pixels, std::uint8_t value = 255,
  std::uint64_t max_pixels = kMaskMaxPixels)
{
  pixels.clear();
  MaskStatus status = check_mask(mask);
  const std::uint64_t area = std::uint64_t{mask.width} * mask.height;
  if (status && area > max_pixels) {
    status = {MaskFault::kTooLarge, area, max_pixels};
  }
  if (status) {
    pixels.resize(static_cast<std::size_t>(area), 0);
    std::uint64_t at = 0;
    bool is_foreground = false;
    for (const std::uint64_t run : mask.counts) {
      if (is_foreground) {
        std::fill_n(pixels.begin() + static_cast<std::ptrdiff_t>(at), run, value);
      }
      at += run;
      is_foreground = !is_foreground;
    }
  }
  return status;
}

/// Number of pixels on the instance, without decoding. The mask must be valid; of one that is not,
/// the sum of its foreground runs.
template<typename Mask>
std::uint64_t mask_area(const Mask & mask) noexcept
{
  std::uint64_t area = 0;
  bool is_foreground = false;
  for (const std::uint64_t run : mask.counts) {
    area += is_foreground ? run : 0;
    is_foreground = !is_foreground;
  }
  return area;
}

/// Whether pixel (u, v) of the source image lies on the instance, without decoding. Also of a mask
/// that is not valid: pixels behind its last run are background.
template<typename Mask>
bool mask_contains(const Mask & mask, std::int64_t u, std::int64_t v) noexcept
{
  const std::int64_t column = u - std::int64_t{mask.x};
  const std::int64_t row = v - std::int64_t{mask.y};
  if (column < 0 || row < 0 || column >= std::int64_t{mask.width} ||
    row >= std::int64_t{mask.height})
  {
    return false;
  }
  const std::uint64_t at =
    static_cast<std::uint64_t>(row) * mask.width + static_cast<std::uint64_t>(column);
  std::uint64_t end = 0;
  bool is_foreground = false;
  for (const std::uint64_t run : mask.counts) {
    end += run;
    if (at < end) {
      return is_foreground;
    }
    is_foreground = !is_foreground;
  }
  return false;
}

}  // namespace vis_msgs

#endif  // VIS_MSGS__MASK_HPP_
