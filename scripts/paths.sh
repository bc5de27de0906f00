# Where servers live that a plain user's PATH leaves out; to be sourced.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin:/opt/homebrew/sbin:/usr/local/bin"
