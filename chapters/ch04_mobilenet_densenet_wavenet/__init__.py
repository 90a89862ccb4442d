"""MobileNet, DenseNet and WaveNet."""
