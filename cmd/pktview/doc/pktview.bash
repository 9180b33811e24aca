# bash completion for pktview
_pktview() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--interface|-i)
		COMPREPLY=($(compgen -W "$(command ls /sys/class/net 2>/dev/null)" -- "$current"))
		return
		;;
	--read|-r)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--write|-w)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--tables)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--count|-c)
		COMPREPLY=()
		return
		;;
	--duration)
		COMPREPLY=()
		return
		;;
	--filter-file|-F)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--where)
		COMPREPLY=()
		return
		;;
	--linktype|-y)
		COMPREPLY=()
		return
		;;
	--netmask)
		COMPREPLY=()
		return
		;;
	--from)
		COMPREPLY=()
		return
		;;
	--to)
		COMPREPLY=()
		return
		;;
	--packets)
		COMPREPLY=()
		return
		;;
	--shift)
		COMPREPLY=()
		return
		;;
	--snaplen|-s)
		COMPREPLY=()
		return
		;;
	--memory)
		COMPREPLY=()
		return
		;;
	--direction|-Q)
		COMPREPLY=($(compgen -W 'in out inout' -- "$current"))
		return
		;;
	--buffer-size|-B)
		COMPREPLY=()
		return
		;;
	--rotate-size|-C)
		COMPREPLY=()
		return
		;;
	--rotate-time|-G)
		COMPREPLY=()
		return
		;;
	--rotate-count)
		COMPREPLY=()
		return
		;;
	--split)
		COMPREPLY=()
		return
		;;
	--keep-files|-W)
		COMPREPLY=()
		return
		;;
	--decode)
		COMPREPLY=()
		return
		;;
	--rtp)
		COMPREPLY=()
		return
		;;
	--fields)
		COMPREPLY=()
		return
		;;
	--pid)
		COMPREPLY=()
		return
		;;
	--comm)
		COMPREPLY=()
		return
		;;
	--uid)
		COMPREPLY=()
		return
		;;
	--cgroup)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--netns)
		COMPREPLY=()
		return
		;;
	--format)
		COMPREPLY=($(compgen -W 'text tsv csv' -- "$current"))
		return
		;;
	--separator)
		COMPREPLY=()
		return
		;;
	--aggregator)
		COMPREPLY=()
		return
		;;
	--occurrence)
		COMPREPLY=($(compgen -W 'all first last' -- "$current"))
		return
		;;
	--flow)
		COMPREPLY=()
		return
		;;
	--sort)
		COMPREPLY=($(compgen -W 'bytes number start duration packets again lost missed rtt' -- "$current"))
		return
		;;
	--follow)
		COMPREPLY=()
		return
		;;
	--follow-as)
		COMPREPLY=($(compgen -W 'text hex raw json' -- "$current"))
		return
		;;
	--side)
		COMPREPLY=($(compgen -W 'client server' -- "$current"))
		return
		;;
	--keylog)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--extract)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--extract-limit)
		COMPREPLY=()
		return
		;;
	--report)
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
	-*) COMPREPLY=($(compgen -W '--interface -i --read -r --list-interfaces -D --drops --write -w --tables --share --with-data --print --count -c --duration --filter-file -F --where --dump-filter -d --explain --why --linktype -y --netmask --from --to --packets --dedup --shift --snaplen -s --memory --no-promiscuous-mode -p --direction -Q --buffer-size -B --immediate-mode --device-time --rotate-size -C --rotate-time -G --rotate-count --split --keep-files -W --time -t --utc --nano --verbose -v --hex -x --hex-ascii -X --ascii -A --link-layer -e --absolute-tcp-sequence-numbers -S --number -# --dont-verify-checksums -K --decode --rtp --numeric -n --resolve --json --fields --owner --pid --comm --uid --cgroup --netns --format --separator --aggregator --occurrence --marks --reassemble --defragment --flow --streams --sort --follow --follow-as --side --keylog --extract --extract-limit --stats --report --info --top --quiet -q --color --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}
complete -o filenames -F _pktview pktview
