# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Package metadata lives here and not in pyproject.toml: Humble's setuptools (59) ignores the
latter.

`install_requires` names only setuptools, as ROS packages do: on a robot rosdep and the system
bring the libraries. Without ROS, `pip install .[all]` brings them from PyPI.
"""

from glob import glob

from setuptools import find_packages, setup

PACKAGE = 'vis_ros'
CORE = [
    'numpy>=1.26',
    'opencv-python-headless>=4.5',  # same cv2 as opencv-python, without a display
    'pyyaml',
    'safetensors',
    'scipy',
    'torch>=2.4',
    'torchvision>=0.19',
]
# Beside these, HOTA needs trackeval, which asks for opencv-python: that would overwrite
# opencv-python-headless and then needs libGL. `pip install --no-deps trackeval`, as make does.
EVALUATION = ['motmetrics>=1.4', 'pycocotools>=2.0.8', 'tabulate']
TRAINING = ['lightning-fabric>=2.4', 'rich', 'tensorboard']
BARE = ['cyclonedds>=11,<12', 'rich', 'rosbags>=0.11', 'shtab']
IFR = ['huggingface-hub']  # only to import weights of Mask2Former by their name on the hub
COMPARE = [  # only for benchmarks, beside our own speed
    'motpy',
    'supervision>=0.30,<0.31',  # earlier ones want opencv-python, later ones have no ByteTrack
    'ultralytics>=8.3',  # AGPL-3.0
]
TEST = [
    'filelock',  # benchmarks/results
    'hypothesis',
    'mypy',
    'pycocotools',
    'pytest',
    'pytest-timeout',
    'pytest-xdist',
    'ruff',
    'transformers>=4.45',  # IFR's pixel decoder is held against its Mask2Former
    'types-PyYAML',
]


def files(folder: str, pattern: str) -> tuple[str, list[str]]:
    """Return one entry of data_files: what of `folder` is installed under share/."""
    return (f'share/{PACKAGE}/{folder}', sorted(glob(f'{folder}/{pattern}')))


setup(
    name=PACKAGE,
    version='0.1.0',
    description='Online video instance segmentation for robots',
    author='The vis_ros authors',
    maintainer='vis_ros team',
    maintainer_email='team@vis-ros.example',
    license='Apache-2.0',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={PACKAGE: ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        files('launch', '*.launch.py'),
        files('config', '*.yaml'),
        files('config', '*.rviz'),
        files('models', '*'),
        files('examples/deploy', '*'),
        ('lib/vis_ros', ['examples/nearest_obstacle.py']),  # so that `ros2 run` finds it
        files('vis_msgs/msg', '*.msg'),
        files('vis_msgs/srv', '*.srv'),
    ],
    python_requires='>=3.10',
    install_requires=['setuptools'],
    extras_require={
        'core': CORE,
        'bare': BARE,
        'evaluation': EVALUATION,
        'ifr': IFR,
        'training': TRAINING + EVALUATION,
        'all': CORE + BARE + EVALUATION + TRAINING,
        'test': TEST,
        'tensorrt': ['torch-tensorrt'],
        'cluster': ['ray>=2.9'],
        'compare': COMPARE,
    },
    entry_points={
        'console_scripts': [
            f'vis_ros = {PACKAGE}.cli.main:main',
            f'tracker_node = {PACKAGE}.ros.node:main',
        ]
    },
    zip_safe=False,
)
