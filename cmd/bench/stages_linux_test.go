package main

import (
	"debug/elf"
	"debug/gosym"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A stage whose functions got other names would silently be a part of "what has no other place".
func TestStagesNameFunctionsThatThereAre(t *testing.T) {
	f, err := elf.Open("/proc/self/exe")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	lines, err := f.Section(".gopclntab").Data()
	require.NoError(t, err)
	table, err := gosym.NewTable(nil, gosym.NewLineTable(lines, f.Section(".text").Addr))
	require.NoError(t, err)
	for _, s := range stages {
		for _, prefix := range s.functions {
			var is bool
			for _, fn := range table.Funcs {
				is = is || strings.HasPrefix(fn.Name, prefix)
			}
			require.True(t, is, "%s: no function's name begins with %s (or all of them are inlined)", s.name, prefix)
		}
	}
}
