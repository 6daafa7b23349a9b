"""What is beside actors and executions: one small class for each noun of the API.

Their methods answer records as the server sends them: dictionaries in camel case.
"""
