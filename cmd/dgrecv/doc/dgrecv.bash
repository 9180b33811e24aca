# bash completion for dgrecv
_dgrecv() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--count|-c|--idle|--duration|--size|-s|--print|-p|--join|-j|--reply|-r|--exec|-x|--exec-timeout|--write|-w|--save|--interface|-I|--ttl|-t|--tos|--ecn|--df|--rcvbuf|--sndbuf|--completion)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	esac
	case $current in
	-*) COMPREPLY=($(compgen -W '--count -c --idle --duration --size -s --print -p --json --payload -P --quiet -q --verbose -v --join -j --reuse --credentials --unlink --echo -e --reply -r --exec -x --exec-timeout --answer-services --write -w --save --ipv4 -4 --ipv6 -6 --interface -I --ttl -t --tos --ecn --df --broadcast -b --no-loop --rcvbuf --sndbuf --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}
complete -o filenames -F _dgrecv dgrecv
