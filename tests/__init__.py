"""Tests read what commands say in English, also on the machine of somebody whose locale is another one."""

import os

os.environ["LANGUAGE"] = "en"
