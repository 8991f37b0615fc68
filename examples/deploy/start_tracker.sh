#!/bin/bash
# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
#
# Sources ROS 2 and the workspace, then becomes the tracker node: signals, exit code and the socket
# of systemd are the node's own. The systemd unit and the container start it.
#
#   start_tracker.sh [METHOD] [--ros-args ...]      (METHOD: deepsort)
#
# VIS_ROS_WORKSPACE  where colcon built vis_ros and vis_msgs (/opt/vis_ros)
# VIS_ROS_PARAMETERS a parameter file that is read last, if it is there (/etc/vis_ros/vis_tracker.yaml)
set -eo pipefail # no -u: the setup files of ROS read variables that are not set

if [ -z "${ROS_DISTRO:-}" ]; then
  setups=(/opt/ros/*/setup.bash)
  source "${setups[0]}"
else
  source "/opt/ros/$ROS_DISTRO/setup.bash"
fi
source "${VIS_ROS_WORKSPACE:-/opt/vis_ros}/install/setup.bash"

method=deepsort
if [ $# -gt 0 ] && [[ $1 != -* ]]; then
  method=$1
  shift
fi
[ "${1:-}" != --ros-args ] || shift
prefix=$(ros2 pkg prefix vis_ros)
own=${VIS_ROS_PARAMETERS:-/etc/vis_ros/vis_tracker.yaml}
files=("$prefix/share/vis_ros/config/common.yaml" "$prefix/share/vis_ros/config/$method.yaml")
[ ! -e "$own" ] || files+=("$own")
parameters=()
for file in "${files[@]}"; do
  parameters+=(--params-file "$file")
done
exec "$prefix/lib/vis_ros/tracker_node" --ros-args "${parameters[@]}" -p "method:=$method" "$@"
