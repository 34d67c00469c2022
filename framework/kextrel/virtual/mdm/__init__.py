"""Management of virtual Macs: what a Mac keeps of it, its client, and a small server with NanoMDM's API."""
