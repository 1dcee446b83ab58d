"""Writes a graph as the source of a torch.nn.Module, with its parameters as safetensors."""
