package docs

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reach returns every import path that a package of this tree is built from, as far as the tree's own packages tell.
func reach(t *testing.T, from string) []string {
	t.Helper()
	imports := map[string][]string{}
	for _, pkg := range treePackages(t) {
		imports[pkg.name] = pkg.Imports
	}
	require.Contains(t, imports, from)
	var all []string
	for next := []string{from}; len(next) > 0; next = next[1:] {
		for _, imported := range imports[next[0]] {
			if slices.Contains(all, imported) {
				continue
			}
			all = append(all, imported)
			if own, ok := strings.CutPrefix(imported, modulePath+"/"); ok {
				next = append(next, own)
			}
		}
	}
	return all
}

// A node and a client have nothing to do with how a text is generated: what a model's library brings along, in size, in
// init functions and in mistakes, stays in the process that may die without harm. The program node has one thing more in it than a
// node: the LLM server without a model, which dev starts as a process of its own. Its grammar checker runs on wazero,
// which does nothing until it is asked; what serves a node's clients and peers does not reach it.
func TestTheLibrariesOfModelsStayInTheLLMServer(t *testing.T) {
	models := []string{"google.golang.org/genai", "github.com/openai/openai-go/v3/...", "github.com/hybridgroup/yzma/..."}
	checker := []string{"github.com/tetratelabs/wazero/..."}
	of := func(program string, libraries ...string) (found []string) {
		for _, imported := range reach(t, program) {
			if slices.ContainsFunc(libraries, func(l string) bool { return matches(l, imported) }) {
				found = append(found, imported)
			}
		}
		return found
	}
	all := slices.Concat(models, checker)
	require.Empty(t, of("cmd/node", models...))
	require.NotEmpty(t, of("cmd/node", checker...), "it is there to be started")
	for _, serving := range []string{"rpc/server", "rpc/answer", "rpc/peer", "raft/host", "cmd/node/internal/process", "cmd/parley"} {
		require.Empty(t, of(serving, all...), serving)
	}
	for _, library := range all {
		require.NotEmpty(t, of("cmd/llm", library), "the walk finds them where they are")
	}
}
