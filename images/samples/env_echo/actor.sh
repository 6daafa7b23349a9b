#!/bin/sh
# Shows its message, its environment and its user. An actor needs no language in particular: Abaco
# gives it environment variables, and takes whatever it prints as the log.
echo "Message: ${MSG-none; it is binary, or there is none}"

# A log can be read by more people than may use the token or know the secrets.
echo "Environment:"
env | sort | sed -E 's/^(_abaco_access_token|_actor_configs)=.+/\1=(not shown)/'

echo "User: $(id -u):$(id -g)"
