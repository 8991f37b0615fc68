#!/usr/bin/env bash
# All tests. With a ROS 2 in /opt/ros (or one that is sourced) whose rclpy this Python can import,
# vis_msgs is built first and the tests that need rclpy run too; otherwise they skip themselves.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON_BIN:-.venv/bin}/python
setup=${ROS_SETUP:-$(ls -d /opt/ros/*/setup.bash 2>/dev/null | head -n 1)}

plugins=()

use() { # sources a setup file; those of ROS need unset variables
  set +u
  # shellcheck disable=SC1090
  source "$1"
  set -u
}

prepare_ros() {
  [ -n "${ROS_DISTRO:-}" ] || use "$setup"
  if ! "$python" -c 'import rclpy' 2>/dev/null; then
    echo "== ROS 2 $ROS_DISTRO is there, but $python cannot import its rclpy: its tests skip"
  elif ! command -v colcon >/dev/null; then
    echo "== ROS 2 $ROS_DISTRO is there, but no colcon to build vis_msgs: its tests skip"
  elif colcon --log-base build/ros/log build --base-paths . vis_msgs \
      --build-base build/ros/build --install-base build/ros/install \
      --event-handlers console_direct- >build-ros.txt 2>&1; then
    rm -f build-ros.txt
    use build/ros/install/setup.bash
    # The plug-ins of ROS need modules that only ROS's own Python has.
    plugins=(-p no:launch_pytest -p no:launch_testing -p no:launch_ros)
    export VIS_ROS_NEED_RCLPY=1
    echo "== with ROS 2 $ROS_DISTRO"
  else
    cat build-ros.txt
    rm -f build-ros.txt
    return 1
  fi
}

if [ -n "$setup" ] || [ -n "${ROS_DISTRO:-}" ]; then
  prepare_ros
else
  echo '== no ROS 2 on this machine: the tests that need rclpy skip'
fi
exec "$python" -m pytest -n 2 --dist loadgroup "${plugins[@]}" "$@"
