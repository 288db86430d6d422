package offline

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/llm"
	"parley/llm/offline/harper/harpertest"
	"parley/llm/providertest"
)

func TestTheOfflineBackendKeepsTheContract(t *testing.T) {
	warm := New(harpertest.Dir(t)) // one instance for all: each takes seconds
	t.Cleanup(func() { require.NoError(t, warm.Close()) })
	require.NoError(t, warm.Warm(t.Context()))
	providertest.Run(t, providertest.Backend{
		New: func(*testing.T) llm.Provider {
			return &Provider{checker: warm.checker, closed: make(chan struct{}), shared: true}
		},
		Endless: func(t *testing.T) (llm.Provider, llm.Request) {
			tasks := providertest.Tasks()
			task := tasks[4]
			task.Text = strings.Repeat("This are an long document, and it dont come to an end.\n\n", 15_000)
			return &Provider{checker: warm.checker, closed: make(chan struct{}), shared: true}, providertest.Request(t, task)
		},
	})
}
