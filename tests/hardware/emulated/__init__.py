"""An emulated machine with a PMU, for those whose hypervisor keeps the real one to itself."""
