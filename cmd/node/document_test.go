package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// commandsOf returns the calls of a program that a document shows: lines of its blocks, and what stands between two backticks.
func commandsOf(text, program string) (calls []string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	block := regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```$")
	for _, b := range block.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(b[1]) {
			line, _, _ = strings.Cut(line, " #")
			line, _, _ = strings.Cut(line, " > ")
			if call, ok := strings.CutPrefix(strings.TrimSpace(line), program+" "); ok {
				calls = append(calls, call)
			}
		}
	}
	for _, m := range regexp.MustCompile("`"+program+"\\s([^`]*)`").FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
		calls = append(calls, m[1])
	}
	return calls
}

// What is at stake: at three in the night somebody types what stands under the alert that woke him, and it is none.
func TestEveryCallInTheDocumentForOperatorsIsOneThatThereIs(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	help := map[string]func(words []string) (string, int){
		"node": func(words []string) (string, int) {
			stdout, _, code := node(append(words, "--help")...)
			return stdout, code
		},
		"parley": func(words []string) (string, int) {
			return parleyOnce(t, "", "127.0.0.1:1", append(words, "--help")...)
		},
	}
	for program, help := range help {
		calls := commandsOf(string(text), program)
		require.Greater(t, len(calls), 20)
		for _, call := range calls {
			if call == "is up" { // a line of the log
				continue
			}
			fields := strings.Fields(call)
			var words []string
			for len(words) < len(fields) && regexp.MustCompile(`^[a-z][a-z-]*$`).MatchString(fields[len(words)]) {
				words = append(words, fields[len(words)])
			}
			shown, code := help(words)
			require.Zero(t, code, "%s %s", program, call)
			_, usage, found := strings.Cut(shown, "Usage:\n")
			require.True(t, found, "%s %s", program, call)
			usage, _, _ = strings.Cut(usage, "\n\n")
			if len(words) > 0 {
				require.Contains(t, usage, program+" "+words[0], call)
			}
			if strings.Contains(usage, "[command]") && len(words) > 1 {
				require.Contains(t, usage, strings.Join(words[:2], " "), "%s %s: there is no such command", program, call)
			}
			for _, flag := range regexp.MustCompile(`(?:^| )(--?[a-z][a-z-]*)`).FindAllStringSubmatch(call, -1) {
				require.Contains(t, shown, flag[1]+" ", "%s %s", program, call)
			}
		}
	}
}
