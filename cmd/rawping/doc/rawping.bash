# bash completion for rawping
_rawping() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--count|-c)
		COMPREPLY=()
		return
		;;
	--interval|-i)
		COMPREPLY=()
		return
		;;
	--deadline|-w)
		COMPREPLY=()
		return
		;;
	--timeout|-W)
		COMPREPLY=()
		return
		;;
	--late)
		COMPREPLY=()
		return
		;;
	--size|-s)
		COMPREPLY=()
		return
		;;
	--ttl|-t)
		COMPREPLY=()
		return
		;;
	--tos|-Q)
		COMPREPLY=()
		return
		;;
	--from|-I)
		COMPREPLY=($(compgen -W "$(command ls /sys/class/net 2>/dev/null)" -- "$current"))
		return
		;;
	--send-buffer|-S)
		COMPREPLY=()
		return
		;;
	--read-buffer)
		COMPREPLY=()
		return
		;;
	--preload|-l)
		COMPREPLY=()
		return
		;;
	--pattern|-p)
		COMPREPLY=()
		return
		;;
	--pmtudisc|-M)
		COMPREPLY=($(compgen -W 'do want dont probe' -- "$current"))
		return
		;;
	--mark|-m)
		COMPREPLY=()
		return
		;;
	--timestamp-option|-T)
		COMPREPLY=($(compgen -W 'tsonly tsandaddr tsprespec:' -- "$current"))
		return
		;;
	--flow-label|-F)
		COMPREPLY=()
		return
		;;
	--probe)
		COMPREPLY=()
		return
		;;
	--socket)
		COMPREPLY=($(compgen -W 'auto raw ping' -- "$current"))
		return
		;;
	--stamps)
		COMPREPLY=($(compgen -W 'auto on off hardware' -- "$current"))
		return
		;;
	--file)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--generate|-g)
		COMPREPLY=()
		return
		;;
	--shard)
		COMPREPLY=()
		return
		;;
	--seed)
		COMPREPLY=()
		return
		;;
	--retries|-r)
		COMPREPLY=()
		return
		;;
	--backoff|-B)
		COMPREPLY=()
		return
		;;
	--rate)
		COMPREPLY=()
		return
		;;
	--metrics)
		COMPREPLY=()
		return
		;;
	--report)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--compare)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--color)
		COMPREPLY=($(compgen -W 'auto always never' -- "$current"))
		return
		;;
	--completion)
		COMPREPLY=($(compgen -W 'bash zsh fish' -- "$current"))
		return
		;;
	esac
	case $current in
	-*) COMPREPLY=($(compgen -W '--count -c --interval -i --deadline -w --timeout -W --late --size -s --ttl -t --tos -Q --from -I --send-buffer -S --read-buffer --ipv4 -4 --ipv6 -6 --numeric -n --quiet -q --timestamp -D --audible -a --adaptive -A --flood -f --preload -l --pattern -p --pmtudisc -M --mark -m --overdue -O --user-time -U --broadcast -b --no-loop -L --record-route -R --timestamp-option -T --flow-label -F --verbose -v --icmp-timestamp --probe --socket --stamps --many --file --generate -g --shard --seed --loop --watch --retries -r --backoff -B --rate --alive --unreachable --live --json --csv --histogram --drops --metrics --report --compare --color --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}
complete -o filenames -F _rawping rawping
