"""Made by protoc out of inventory.proto: `make stubs`."""
