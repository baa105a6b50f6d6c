"""The contract of scenario files: one file for each section, made of forms.

A form reads a value, complains in a sentence about what is wrong with it, and knows its JSON Schema. Forms stand here
in place of pydantic models: to import and build those takes 0.1 s, a third of what ``harness list`` may take.
"""
