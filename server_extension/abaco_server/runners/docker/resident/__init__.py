"""Containers that stay: a resident interpreter in each runs many executions of one actor.

resident  what the runner asks for    pool    which stay, for whom, and how long
maker     makes one, and removes it   heirs   what an earlier life of this service left
"""
