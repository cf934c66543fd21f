//! Layers, initialisers, Adam and safetensors for any kinora-tensor backend
