"""An emulator of the OpenAI API: organization API, data plane, and settings for their faults."""
