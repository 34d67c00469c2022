"""The hardware of a virtual Mac below its software: power, button, boot ROM, Secure Enclave, NVRAM."""
