"""ResNet and transfer learning."""
