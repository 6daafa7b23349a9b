"""Before the first stop: a BuildSpec becomes an image, or an environment where there is no engine.

bench        owns the builds that run           check       what a spec may say
builder      what every builder promises        tail        the log, bounded
docker       images                             dockerfile  a spec as a Dockerfile and its files
process      virtual environments               runtime     what each image gets of ours
running      one build between start and end
"""
