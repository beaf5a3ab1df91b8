"""An emulator of the OpenAI API: organization API, data plane, and knobs for their faults."""
