"""What the tests of runners share: kits, user code, small images."""
