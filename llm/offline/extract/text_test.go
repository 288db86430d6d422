package extract

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/llm/prompt"
)

func document(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return string(b)
}

func conversation(t testing.TB, name string) (list []prompt.Message) {
	t.Helper()
	for line := range strings.Lines(document(t, name)) {
		speaker, text, ok := strings.Cut(strings.TrimSpace(line), ": ")
		require.True(t, ok, line)
		list = append(list, prompt.Message{Speaker: speaker, Text: text})
	}
	return list
}

func TestSentencesEndWhereReadersEndThem(t *testing.T) {
	for text, want := range map[string][]string{
		"":                      nil,
		"One. Two! Three? Four": {"One.", "Two!", "Three?", "Four"},
		"Version 2.4.1 is out. See e.g. the log.": {"Version 2.4.1 is out.", "See e.g. the log."},
		"- first\n- second":                       {"first", "second"},
		"# Title\n\nText.":                        {"Title", "Text."},
		"世界。你好。":                                  {"世界。", "你好。"},
		"Wait... what?":                           {"Wait...", "what?"},
	} {
		require.Equal(t, want, sentences(text), text)
	}
	require.Greater(t, len(sentences(strings.Repeat("word ", 1000))), 1, "a text without full stops is cut")
}

// What is in the middle of a text is said by many of its sentences.
func TestTheSummaryOfATextIsWhatMostOfItIsAbout(t *testing.T) {
	task := prompt.New(prompt.DocumentSummary)
	task.Text = document(t, "lighthouse.txt")
	points, err := prompt.Points(task, summarizeDocument(task))
	require.NoError(t, err)
	require.Len(t, points, 3)
	all := strings.ToLower(strings.Join(points, " "))
	require.Contains(t, all, "light")
	require.Contains(t, all, "keeper")
	for _, p := range points {
		require.Contains(t, strings.Join(strings.Fields(task.Text), " "), strings.TrimSuffix(p, "…"), "nothing is invented")
	}

	task = prompt.New(prompt.Summarize)
	task.Messages = conversation(t, "incident.txt")
	answer := summarize(task)
	line, points, err := prompt.Summary(task, answer)
	require.NoError(t, err)
	require.LessOrEqual(t, utf8.RuneCountInString(line), 200)
	require.Len(t, points, 3)
	all = strings.ToLower(line + strings.Join(points, " "))
	require.Contains(t, all, "pool")
	require.Contains(t, all, "connections")
	require.NotContains(t, all, "good morning")
	require.NotContains(t, all, "charlie: ok")
}

func TestMessagesThatSayLittleAreCounted(t *testing.T) {
	task := prompt.New(prompt.Summarize)
	require.Equal(t, "There are no messages.\n", summarize(task))
	task.Messages = []prompt.Message{{Speaker: "alice", Text: "ok"}}
	require.Equal(t, "alice: ok\n", summarize(task))
	task.Messages = append(task.Messages, prompt.Message{Speaker: "bob", Text: "yes"}, prompt.Message{Speaker: "alice", Text: "👍"})
	require.Equal(t, "3 short messages from alice and bob.\n", summarize(task))
}

func TestAQuestionIsAnsweredWithWhatWasSaid(t *testing.T) {
	task := prompt.New(prompt.Ask)
	task.Messages = conversation(t, "incident.txt")
	for question, want := range map[string]string{
		"Who adds the alert?":                    "charlie: I can add the alert today.",
		"When do we write the report?":           "bob: Let's write the report on Thursday.",
		"Who deployed the connection pool?":      "dana: Yes, I deployed the new connection pool at half past five.",
		"What do customers see at the checkout?": "Customers see timeouts at checkout.",
	} {
		task.Text = question
		require.Contains(t, ask(task), want, question)
	}
	task.Text = "Where is the umbrella?"
	require.Equal(t, noAnswer, ask(task))
	task.Messages = nil
	require.Equal(t, noContext, ask(task))
}

func TestCompletionsGoOnAsTheChannelDoes(t *testing.T) {
	task := prompt.New(prompt.Complete)
	task.Messages = conversation(t, "incident.txt")
	for begun, want := range map[string]string{
		"We should add an":    "We should add an alert for the",
		"I will roll":         "I will roll back the",
		"The payment":         "The payment service",
		"let's roll back the": "let's roll back the connection pool",
		"the conn":            "the connection", // an unfinished word
	} {
		task.Text = begun
		texts, topics, err := prompt.Completions(task, complete(task))
		require.NoError(t, err, begun)
		require.LessOrEqual(t, len(texts), 5)
		require.Contains(t, strings.Join(texts, "\n"), want, begun)
		require.Len(t, topics, 3)
		require.Contains(t, topics, "payment service")
	}
	// A channel that has said nothing has everyday's words.
	task.Messages, task.Text = nil, "Can you "
	texts, topics, err := prompt.Completions(task, complete(task))
	require.NoError(t, err)
	require.NotEmpty(t, texts)
	require.Empty(t, topics)
}

// A reply fits what was said, and not only that something was said.
func TestRepliesFitTheKindOfTheLastMessage(t *testing.T) {
	for text, want := range map[string]string{
		"Thanks for the help!":                          "thanks",
		"thank you so much":                             "thanks",
		"Tea or coffee?":                                "choice",
		"When will the build be ready?":                 "when",
		"Who can take the on-call shift?":               "who",
		"Can somebody review the change?":               "who",
		"Where is the design document?":                 "where",
		"Why is the test so slow?":                      "why",
		"What do you think about the new layout?":       "opinion",
		"Should we postpone the release?":               "plan question",
		"Could you look at the ticket, please?":         "asking",
		"Please review the document.":                   "asking",
		"How does the new cache work?":                  "how",
		"Is the server up?":                             "yes or no",
		"The build is broken again.":                    "problem",
		"I can't reach the database.":                   "problem",
		"Sorry, that was me.":                           "apology",
		"Let's meet on Friday.":                         "plan",
		"I'll deploy it tomorrow.":                      "plan",
		"The migration is done.":                        "good news",
		"Good morning!":                                 "greeting",
		"See you!":                                      "goodbye",
		"The office has a new coffee machine.":          "news",
		"Das ist ein Satz, den es nicht verstehen kann": "news",
	} {
		require.Equal(t, want, moodOf(text).name, text)
	}
	task := prompt.New(prompt.Reply)
	for _, m := range moods {
		for _, text := range []string{"The linker is " + m.name, "thanks", "Is the linker broken?"} {
			task.Messages = []prompt.Message{{Speaker: "alice", Text: "The linker fails."}, {Speaker: "bob", Text: text}}
			list, err := prompt.Replies(task, reply(task))
			require.NoError(t, err, text)
			require.Len(t, list, 3)
			for _, s := range list {
				require.NotContains(t, s, "{")
				require.LessOrEqual(t, len(strings.Fields(s)), 10)
			}
		}
	}
	task.Messages = []prompt.Message{{Speaker: "bob", Text: "The linker does not find the library, so the build is broken."}}
	require.Contains(t, reply(task), "the l", "it speaks of what the message is about")
}

func TestLongWindedPhrasesBecomePlain(t *testing.T) {
	for from, to := range map[string]string{
		"In order to win, we train.":                  "To win, we train.",
		"It failed due to the fact that it was late.": "It failed because it was late.",
		"At this point in time we wait.":              "Now we wait.",
		"We utilize a  large number of  tools.":       "We use many tools.",
		"    in order to (code)":                      "    in order to (code)",
		"```\nin order to\n```\nin order to":          "```\nin order to\n```\nto",
		"| in order to | table |":                     "| in order to | table |",
		"Two words in\norder to stay as they are.":    "Two words in\norder to stay as they are.",
	} {
		require.Equal(t, to, Tidy(from))
	}
	for from, to := range plain {
		require.NotEmpty(t, to, from)
	}
}

// Whatever people write, there is an answer in the form that was promised, and the same one again.
func TestAnythingGetsAProperAnswer(t *testing.T) {
	word := rapid.SampledFrom([]string{"the", "build", "is", "red", "?", "!", ".", "\n", "we", "should", "ship", "😀", "世界", "", "{topic}", "{who}", "%s", "a-b", "\x00", "- ", "> ", "# "})
	text := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(word, 0, 30).Draw(t, "words"), " ") })
	rapid.Check(t, func(t *rapid.T) {
		var messages []prompt.Message
		for range rapid.IntRange(1, 12).Draw(t, "n") {
			messages = append(messages, prompt.Message{Speaker: rapid.SampledFrom([]string{"alice", "bob", "", "x y", "{who}"}).Draw(t, "speaker"), Text: text.Draw(t, "text")})
		}
		task := prompt.New(prompt.Reply)
		task.Messages = messages
		list, err := prompt.Replies(task, reply(task))
		require.NoError(t, err, reply(task))
		require.Len(t, list, 3)
		require.Equal(t, reply(task), reply(task))

		task = prompt.New(prompt.Summarize)
		task.Messages = messages
		line, _, err := prompt.Summary(task, summarize(task))
		require.NoError(t, err, summarize(task))
		require.LessOrEqual(t, utf8.RuneCountInString(line), 200)
		require.Equal(t, summarize(task), summarize(task))

		task = prompt.New(prompt.Complete)
		task.Messages, task.Text = messages, text.Draw(t, "begun")
		if answer := complete(task); answer != "" {
			require.Equal(t, answer, complete(task))
		}
		task = prompt.New(prompt.DocumentSummary)
		task.Text = text.Draw(t, "document")
		_ = summarizeDocument(task)
	})
}

func BenchmarkSummaryOfAThousandWords(b *testing.B) {
	task := prompt.New(prompt.DocumentSummary)
	task.Text = strings.Repeat(document(b, "lighthouse.txt")+"\n\n", 3)
	for b.Loop() {
		_ = summarizeDocument(task)
	}
}
