package main

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// The conversations of testdata/talks are what people and scripts see: words, JSON shapes, exit codes.

func TestR1_PeopleSignUpLogInAndChangeWhoTheyAre(t *testing.T)      { talk(t, "accounts.txt") }
func TestR10_PasswordsAreChangedAndReset(t *testing.T)              { talk(t, "passwords.txt") }
func TestR9_LoginsAreListedAndRevoked(t *testing.T)                 { talk(t, "sessions.txt") }
func TestR12_AdminsMakeOthersAndInvite(t *testing.T)                { talk(t, "admins.txt") }
func TestR20_ChannelsAndTheirMembers(t *testing.T)                  { talk(t, "channels.txt") }
func TestR18_APrivateChannelIsNotThereForOthers(t *testing.T)       { talk(t, "private.txt") }
func TestR31_RepliesMakeAThread(t *testing.T)                       { talk(t, "threads.txt") }
func TestR32_MessagesAreEditedAndDeleted(t *testing.T)              { talk(t, "edits.txt") }
func TestR33_MentionsAreCounted(t *testing.T)                       { talk(t, "mentions.txt") }
func TestR34_SearchFindsWhatOneMaySee(t *testing.T)                 { talk(t, "search.txt") }
func TestR35_DirectMessagesGoToTheirTwo(t *testing.T)               { talk(t, "direct.txt") }
func TestR37_ReadingHereIsReadingEverywhere(t *testing.T)           { talk(t, "unread.txt") }
func TestR40_ReactionsAreCountedOnceAUserAndEmoji(t *testing.T)     { talk(t, "reactions.txt") }
func TestR41_FilesArePutGotAndListed(t *testing.T)                  { talk(t, "files.txt") }
func TestR47_DocumentsAreMadeWrittenSharedAndRestored(t *testing.T) { talk(t, "documents.txt") }
func TestR58_LocksHaveOneHolderWhomOthersLearn(t *testing.T)        { talk(t, "locks.txt") }
func TestR29_HistoryIsPaged(t *testing.T)                           { talk(t, "history.txt") }
func TestR28_ARequestIDIsExecutedOnce(t *testing.T)                 { talk(t, "once.txt") }
func TestR100_ContextsHaveUsersOfTheirOwn(t *testing.T)             { talk(t, "contexts.txt") }
func TestR74_ModelsHelpAndWhatIsShownIsWhatIsSent(t *testing.T)     { talk(t, "assistant.txt") }
func TestR97_FlagsStandAnywhereAndMistakesAreSaid(t *testing.T)     { talk(t, "usage.txt") }

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}

func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }
