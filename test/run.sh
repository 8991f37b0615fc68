#!/usr/bin/env bash
# All tests. With a ROS 2 in /opt/ros (or one that is sourced) whose rclpy this Python can import,
# both packages are built first, into build/ros, and the tests that need them run too; otherwise
# they skip themselves.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON_BIN:-.venv/bin}/python
setups=(/opt/ros/*/setup.bash)
[ -e "${setups[0]}" ] || setups=('')
setup=${ROS_SETUP-${setups[0]}} # empty: without ROS, unless one is sourced

use() { # sources a setup file; those of ROS need unset variables
  set +u
  # shellcheck disable=SC1090
  source "$1"
  set -u
}

source_ros() { # unless one is sourced; one built without ros_environment does not say its name
  [ -n "${ROS_DISTRO:-}" ] || use "$setup"
  export ROS_DISTRO=${ROS_DISTRO:-$distro}
}

prepare_ros() {
  distro=${ROS_DISTRO:-$(basename "$(dirname "$setup")")}
  if ! command -v colcon >/dev/null; then
    echo "== ROS 2 $distro is there, but no colcon to build with: its tests skip"
    return
  elif ! (source_ros && "$python" -c 'import rclpy') 2>/dev/null; then
    echo "== ROS 2 $distro is there, but $python cannot import its rclpy: its tests skip"
    return
  fi
  source_ros
  mkdir -p build/ros
  if ! colcon --log-base build/ros/log build --base-paths . vis_msgs \
    --build-base build/ros/build --install-base build/ros/install \
    --event-handlers console_direct- >build/ros/colcon.txt 2>&1; then
    cat build/ros/colcon.txt
    return 1
  fi
  use build/ros/install/setup.bash
  export VIS_ROS_NEED_RCLPY=1
  echo "== with ROS 2 $distro"
}

if [ -n "$setup" ] || [ -n "${ROS_DISTRO:-}" ]; then
  prepare_ros
else
  echo '== no ROS 2 on this machine: the tests that need rclpy skip'
fi
# loadfile: what the tests of a file compute once, is computed in one process only
exec "$python" -m pytest -n 2 --dist loadfile "$@"
