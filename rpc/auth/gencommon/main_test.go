package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheListIsWhatTheRulesGive(t *testing.T) {
	text, err := os.ReadFile("../common.txt")
	require.NoError(t, err)
	require.Equal(t, list(), strings.Fields(string(text)), "run: go generate ./rpc/auth")
}
