"""PyTorch: a graph as the source of a torch.nn.Module, and its parameters as safetensors."""
