package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A fuzzer that can't find anything is no comfort. This bug breaks a promise in every election, so that the corpus
// alone must show it, and what is printed must be a plan.
func TestTheFuzzerFindsAPlantedBugAndPrintsItsPlan(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	list, err := loadMutants(root, "testdata/mutants", []string{"N3"}, nil)
	require.NoError(t, err)
	report, err := list[0].fuzz(root, time.Second)
	require.NoError(t, err)
	require.Contains(t, string(report), "promises at ")
	require.Contains(t, string(report), "parley plan 1")
}
