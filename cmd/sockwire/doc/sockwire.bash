# bash completion for sockwire
_sockwire() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--message|--size|-s|--count|-c|--mtu|--write|-w|--pid|-p|--engine|--data|--output|-o|--calls|--only|--socket|--color|--completion)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	esac
	case $current in
	-*) COMPREPLY=($(compgen -W '--message --size -s --count -c --mtu --ipv4 -4 --ipv6 -6 --verbose -v --json --columns --write -w --pid -p --engine --isolate --wait --data --no-data --summary --output -o --calls --only --socket --color --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -W 'list stream datagram raw unix limits errors file' -- "$current")) ;;
	esac
}
complete -o filenames -F _sockwire sockwire
