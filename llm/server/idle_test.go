package server

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Somebody else's work is not slowed down for what nobody has asked for yet.
func TestABusyMachineIsNotTakenForAnIdleOne(t *testing.T) {
	require.True(t, idleAt("0.99 2.00 3.00 1/300 4711\n", 2))
	require.False(t, idleAt("1.00 0.00 0.00 1/300 4711\n", 2))
	require.False(t, idleAt("17.20 0.00 0.00 1/300 4711\n", 8))
	require.True(t, idleAt("no such thing", 2))
}
