package shell

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestR96_TabCompletesWhatIsMeant(t *testing.T) {
	for _, c := range []struct{ name, keys, want string }{
		{"a command", "/conv<tab>", "/conversations "},
		{"a command in the lobby", "conv<tab>", "conversations "},
		{"as far as it is certain", "/s<tab>e<tab>", "/se"},
		{"then one after the other", "/se<tab><tab><tab>", "/send"},
		{"and around", "/se<tab><tab><tab><tab><tab>", "/search"},
		{"backwards", "/se<tab><shift+tab>", "/sessions"},
		{"Esc takes it back", "/se<tab><tab><esc>", "/se"},
		{"another key keeps it", "/se<tab><tab><tab> x", "/send x"},
		{"a channel", "/join te<tab>", "/join tech "},
		{"a channel with its sign", "/join #te<tab>", "/join #tech "},
		{"a user", "/dm ch<tab>", "/dm charlie "},
		{"a user of a place", "/switch @b<tab>", "/switch @bob "},
		{"a name in other letters", "/dm CH<tab>", "/dm charlie "},
		{"a name in a command's text", "/dm bob hello @ch<tab>", "/dm bob hello @charlie "},
		{"the second argument", "/add_user bob ge<tab>", "/add_user bob general "},
		{"a command for help", "/help conv<tab>", "/help conversations "},
		{"a policy", "/policy i<tab>", "/policy invite "},
		{"nothing", "/dm zz<tab>", "/dm zz"},
		{"nothing of nothing", "/nonsense x<tab>", "/nonsense x"},
		{"before other text", "/dm ch hello<home><right><right><right><right><right><right><tab>", "/dm charlie  hello"},
	} {
		d := newDesk(t, newTown().visitAs("alice"), 100, 20)
		d.types(c.keys)
		require.Equal(t, c.want, d.input.text(), c.name)
		d.fits()
	}
}

func TestR96_TabCompletesNamesInAMessage(t *testing.T) {
	d := newDesk(t, newTown().visitAs("alice"), 100, 20)
	d.types("join general<enter>ask @ch<tab>in #te<tab>")
	require.Equal(t, "ask @charlie in #tech ", d.input.text())
	d.types("conv<tab>")
	require.Equal(t, "ask @charlie in #tech conv", d.input.text(), "a command's name is only a word here")
}

func TestR96_WhatCanBeMeantIsShownAndNothingElseMoves(t *testing.T) {
	town := newTown()
	town.says("bob", "#general", "good morning")
	town.says("alice", "#general", "hello bob")
	d := newDesk(t, town.visitAs("alice"), 80, 12)
	d.types("join general<enter>/un<tab>")
	d.shows("complete")
	d.types("<esc><ctrl+u>/edit <tab>")
	require.Equal(t, "/edit msg_102 ", d.input.text(), "only one's own messages can be edited")
	d.types("<ctrl+u>/reply <tab><tab><tab>")
	d.shows("complete-message")
	require.Equal(t, "/reply msg_101", d.input.text())
}

// While a password is asked for, Tab shows nobody anything.
func TestAPromptIsNotCompleted(t *testing.T) {
	d := newDesk(t, newTown().visit(), 80, 12)
	d.types("login bob<enter>/co<tab>")
	require.Equal(t, "/co", d.input.text())
	require.False(t, d.choice.active())
}
