# SPDX-License-Identifier: BSD-2-Clause
# bash completion for sluice(8)

_sluice_addresses() {
	local what=$1 key=$2
	command sluice "$what" --json 2>/dev/null | sed -n "s/^ *\"$key\": \"\([0-9a-fA-F:.\/]*\)\".*/\1/p"
}

_sluice() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local commands="status top sources rules explain events metrics ban unban bans allow disallow allows
		import cache clients limit key log policy reload detach version help"
	local options="--json --control --help" words="" command="" word i

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == --control ]]; then
			((i++))
		elif [[ $word != -* && -z $command ]]; then
			command=$word
		fi
	done

	COMPREPLY=()
	case $previous in
	--control) mapfile -t COMPREPLY < <(compgen -f -- "$current") && return ;;
	--by) [[ $command == cache ]] && words="hits bytes" || words="dropped passed bytes" ;;
	--for) words="10m 1h 1d 1w" ;;
	--top | --last | --interval | --reason | --prefix | --glob | --tag) return ;;
	load | check | diff | import) mapfile -t COMPREPLY < <(compgen -f -- "$current") && return ;;
	*)
		case $command in
		"") words="$commands $options --version" ;;
		top) words="--once --interval $options" ;;
		sources) words="--top --by --all $options" ;;
		rules) words="--top --by $options" ;;
		events) words="--follow --last $options" ;;
		ban) words="--for --reason --force $options" ;;
		allow) words="--for --reason $options" ;;
		import) words="--force $options" ;;
		unban) words="$(_sluice_addresses bans prefix) $options" ;;
		disallow) words="$(_sluice_addresses allows prefix) $options" ;;
		explain) words="$(_sluice_addresses sources source) $options" ;;
		cache) words="purge stats show top --prefix --glob --tag --all --soft --by --top $options" ;;
		clients) words="--over --top $options" ;;
		limit) words="reset $options" ;;
		key) words="hash new $options" ;;
		log) words="reopen $options" ;;
		policy) words="load check diff show $options" ;;
		help) words="$commands" ;;
		*) words="$options" ;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	# Addresses hold colons, at which readline breaks words.
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$current"
	fi
}

complete -F _sluice sluice
