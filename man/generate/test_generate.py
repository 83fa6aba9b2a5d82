"""What the generator makes of what it reads, and what it refuses.

    python3 -B -m unittest discover -s man/generate
"""

import sys
import unittest

sys.dont_write_bytecode = True

import documents
import functions
import header
import helptext
import mdoc
import section1
from blocks import Literal, Paragraph, Piece, Table, Tagged, Unclear, plain
from groups import Group, group_of
from markdown import Document
from names import Names, Reader
from prose import blocks

HEADER = """\
/*
 * peermon.h - servers that watch one another
 *
 * Made by the build from src/ffi/.
 *
 * What it is.
 *
 *
 * Results
 *
 * 0 is success. Every function may return MONITOR_ERR_INTERNAL for a bug.
 */

#ifndef PEERMON_H
#define PEERMON_H

#include <stdint.h>

/* The version. */
#define MONITOR_VERSION_MAJOR 0

/**
 * A bug.
 */
#define MONITOR_ERR_INTERNAL (0 - 11)

/**
 * All.
 */
#define MONITOR_EVENT_ALL 4294967295u

/**
 * A result.
 */
typedef int32_t monitor_result_t;

/**
 * An event.
 */
struct monitor_event {
  /**
   * The name.
   */
  const char *peer;
};

/**
 * An event.
 */
typedef struct monitor_event monitor_event_t;

/**
 * Takes one.
 */
typedef void (*monitor_event_fn)(const monitor_event_t *event, void *user_data);

/**
 * Dispatches; see "Results" above.
 *
 * most: how many,
 * at most.
 *
 * Threads: any. From a callback: no.
 * Returns MONITOR_OK, also without; MONITOR_ERR_NULL if most is 0;
 * MONITOR_ERR_IO if a thread is refused: it goes on. It leaves the text alone.
 * Since 0.1.0.
 */
monitor_result_t monitor_dispatch(uint32_t most,
                                  void *user_data);

#endif /* PEERMON_H */
"""


def read():
    declared = header.read(HEADER)
    return declared, Names(declared, ["end_linger", "log"])


def reader(page="monitor_event_fd", parameters=()):
    return Reader(read()[1], page, parameters)


def document(text):
    return Document("a.md", reader()).blocks(text)


class TheHeader(unittest.TestCase):
    def test_every_kind_of_item_is_read(self):
        declared, _ = read()
        self.assertEqual([(one.name, one.value) for one in declared.constants], [
            ("MONITOR_VERSION_MAJOR", "0"), ("MONITOR_ERR_INTERNAL", "-11"),
            ("MONITOR_EVENT_ALL", "4294967295")])
        self.assertEqual(declared.structs[0].members,
                         [("const char *peer", "peer", ["The name."])])
        self.assertEqual(declared.aliases[1].target, "struct monitor_event")
        self.assertEqual(declared.callbacks[0].parameters[0],
                         ("const monitor_event_t *event", "event"))
        self.assertEqual([name for _, name in declared.functions[0].parameters],
                         ["most", "user_data"])

    def test_a_line_that_is_nothing_known_is_refused(self):
        with self.assertRaisesRegex(Unclear, "what is this line"):
            header.read(HEADER.replace("#include <stdint.h>", "enum colour;"))
        with self.assertRaisesRegex(Unclear, "what is declared here"):
            header.read(HEADER.replace("typedef int32_t", "union int32_t"))

    def test_a_member_without_a_comment_is_refused(self):
        with self.assertRaisesRegex(Unclear, "struct monitor_event"):
            header.read(HEADER.replace("*peer;\n", "*peer;\n  int bare;\n"))

    def test_a_comment_is_taken_apart(self):
        manual = functions.read(header.read(HEADER).functions[0])
        self.assertEqual(manual.parameters, [("most", "how many, at most.")])
        self.assertEqual(manual.success, "MONITOR_OK, also without")
        self.assertEqual(manual.errors, [("MONITOR_ERR_NULL", " if most is 0"),
                                         ("MONITOR_ERR_IO", " if a thread is refused: it goes on")])
        self.assertEqual(manual.remark, "It leaves the text alone.")
        self.assertEqual(manual.threads, "any. From a callback: no.")
        self.assertEqual(manual.since, "0.1.0")

    def test_a_function_that_does_not_say_its_threads_is_refused(self):
        text = HEADER.replace(" * Threads: any. From a callback: no.\n", "")
        with self.assertRaisesRegex(Unclear, "monitor_dispatch does not say its threads"):
            functions.read(header.read(text).functions[0])

    def test_an_error_that_would_be_missed_is_refused(self):
        for wrong in ("MONITOR_OK or MONITOR_ERR_NULL", "MONITOR_OK, MONITOR_ERR_NULL if it is 0"):
            text = HEADER.replace("MONITOR_OK, also without; MONITOR_ERR_NULL if most is 0", wrong)
            with self.assertRaisesRegex(Unclear, "errors are separated"):
                functions.read(header.read(text).functions[0])

    def test_a_name_without_a_page_is_refused_and_the_most_specific_pattern_wins(self):
        with self.assertRaisesRegex(Unclear, "monitor_new_thing belongs to no page"):
            group_of("monitor_new_thing", "functions")
        with self.assertRaisesRegex(Unclear, "MONITOR_COLOUR_RED belongs to no page"):
            group_of("MONITOR_COLOUR_RED", "constants")
        self.assertEqual(group_of("MONITOR_EVENT_FLAG_X", "constants")[1], "MONITOR_EVENT_FLAG_*")
        twice = [Group("one", "", ["monitor_a*"]), Group("two", "", ["monitor_*b"])]
        with self.assertRaisesRegex(Unclear, "belongs to one and two"):
            group_of("monitor_ab", "functions", twice)


class TheNames(unittest.TestCase):
    def marks(self, text, **how):
        return [tuple(piece) for piece in reader(**how).prose(text) if piece.macro]

    def test_what_stands_for_something_is_marked(self):
        self.assertEqual(self.marks('NULL or MONITOR_EVENT_* in "end_linger", see open(2)'), [
            ("Dv", "NULL"), ("Dv", "MONITOR_EVENT_*"), ("Cm", "end_linger"), ("Xr", "open 2")])
        self.assertEqual(self.marks('with log = "log" the out->size of monitor_event_t'), [
            ("Li", '"log"'), ("Fa", "out->size"), ("Vt", "monitor_event_t")])

    def test_a_function_of_another_page_is_a_reference(self):
        self.assertEqual(self.marks("monitor_dispatch"), [("Fn", "monitor_dispatch")])
        self.assertEqual(self.marks("monitor_dispatch", page="x"), [("Xr", "monitor_dispatch 3")])

    def test_a_parameter_is_told_from_a_word(self):
        self.assertEqual(self.marks("if name is NULL", parameters=["name"])[0], ("Fa", "name"))
        self.assertEqual(self.marks("if the name is wrong", parameters=["name"]), [])

    def test_what_the_header_does_not_have_is_refused(self):
        for text in ("MONITOR_NOTHING", "monitor_nothing", 'see "Nothing" above'):
            with self.assertRaises(Unclear):
                reader().prose(text)

    def test_above_is_another_page_except_on_that_page(self):
        self.assertEqual(self.marks('see "Results" above'), [("Xr", "peermon 7")])
        self.assertEqual(self.marks('see "Results" above', page="peermon"), [("Sx", "Results")])


class Roff(unittest.TestCase):
    def lines(self, *pieces):
        return mdoc.filled(list(pieces))

    def test_every_sentence_begins_a_line(self):
        self.assertEqual(self.lines(plain("One. Two (of 3.) Four ... five")),
                         ["One.", "Two (of 3.)", "Four ... five"])

    def test_lines_are_filled_and_nothing_is_lost(self):
        text = "word " * 100
        lines = self.lines(plain(text))
        self.assertEqual(" ".join(lines).split(), text.split())
        self.assertLessEqual(max(map(len, lines)), mdoc.WIDTH)

    def test_no_text_becomes_a_request(self):
        self.assertEqual(self.lines(plain(".Nm 'x")), [r"\&.Nm 'x"])
        self.assertEqual(self.lines(plain("'x")), [r"\&'x"])
        self.assertEqual(self.lines(plain(r"a\b")), [r"a\eb"])
        self.assertEqual(mdoc.literal([".x", "a-b 'c'"])[1:3], [r"\&.x", r"a\-b \(aqc\(aq"])

    def test_no_argument_becomes_a_macro_or_a_delimiter(self):
        self.assertEqual(self.lines(Piece("Ql", "Dv")), [r".Ql \&Dv"])
        self.assertEqual(self.lines(Piece("Ql", ".")), [r".Ql \&."])
        self.assertEqual(self.lines(Piece("Ql", 'a = "b"')), ['.Ql "a = \\(dqb\\(dq"'])

    def test_punctuation_stays_where_it_was(self):
        dv = Piece("Dv", "X")
        self.assertEqual(self.lines(plain("in ("), dv, plain("), so")), ["in", ".Pq Dv X ,", "so"])
        self.assertEqual(self.lines(dv, plain("'s end")), [".Dv X Ns No 's", "end"])
        self.assertEqual(self.lines(plain("(see "), dv, plain(").")), ["(see", ".Dv X ) ."])
        self.assertEqual(self.lines(plain("a("), dv, plain(")")), [".No a( Ns Dv X )"])

    def test_a_table_that_is_too_wide_becomes_a_list_with_its_head(self):
        wide = [[plain("a")], [plain("word " * 20)]]
        lines = mdoc.written([Table([[plain("name")], [plain("meaning")]], [wide])])
        self.assertEqual(lines[:4], [".Bl -tag -width 4n", ".It Em name", ".Em meaning", ".It a"])
        self.assertEqual(mdoc.written([Table([wide[0], wide[0]], [[wide[0], wide[0]]])])[0],
                         '.Bl -column -offset indent "x" "x"')


class Markdown(unittest.TestCase):
    def test_what_the_documents_use_is_converted(self):
        text = "- one\n  `end_linger`\n\n  ```sh\n  make\n  ```\n- two"
        self.assertEqual(document(text)[0].items, [
            [Paragraph([plain("one "), Piece("Cm", "end_linger")]), Literal(["make"])],
            [Paragraph([plain("two")])]])
        self.assertEqual(document("| a | `b | c` |\n|---|---|\n| 1 | |"), [
            Table([[plain("a")], [Piece("Ql", "b | c")]], [[[plain("1")], []]])])
        self.assertEqual(document("*a* **b c** [CONCEPTS.md](CONCEPTS.md)")[0].pieces[::2], [
            Piece("Em", "a"), Piece("Sy", "b c"), Piece("Xr", "peermon 7")])

    def test_every_other_construct_is_refused(self):
        for text in ("> quoted", "<b>x</b>", "![x](y.png)", "    indented", "* star", "---",
                     "Title\n=====", "#### four", "a `b", "x **y", "[a][b]", "[a](b.md)",
                     "a &amp; b", "line  \nbroken", "| a |\n| b |", "| a | b |\n|---|---|\n| c |",
                     "_a_", "- a\nlazy", "~~a~~", "[a]: b", "```\nopen"):
            with self.subTest(text), self.assertRaises(Unclear):
                document(text)

    def test_a_chapter_that_is_to_be_left_out_must_be_there(self):
        with self.assertRaises(Unclear):
            documents.concepts("# Concepts\n\n## States\n\nUp.\n", read()[1])

    def test_the_date_is_that_of_the_newest_version(self):
        self.assertEqual(documents.date("## [0.2.0] - 2027-03-01\n## [0.1.0] - 2026-12-24"),
                         "March 1, 2027")
        self.assertRegex(documents.date("## [0.2.0] - unreleased"), r"^\w+ \d+, \d{4}$")
        with self.assertRaises(Unclear):
            documents.date("## 0.2.0")


class TheCommandLine(unittest.TestCase):
    SHORT = """\
Does it.

Usage: ctl do [OPTIONS] <FILE>

Arguments:
  <FILE>  The file

Options:
      --eta <ETA>  How long
  -h, --help       Print help
"""
    LONG = """\
Usage: ctl do <KIND>

Arguments:
  <KIND>
          What goes wrong

          Possible values:
          - one: The first
          - two: The second

Options:
      --eta <ETA>
          How long
          
          [default: 1s]
"""

    def test_both_forms_of_help_are_read(self):
        short, long = helptext.read(["ctl"], self.SHORT), helptext.read(["ctl"], self.LONG)
        self.assertEqual(short.sections["Options"][0], helptext.Entry("--eta <ETA>", ["How long"]))
        self.assertEqual(long.sections["Options"][0],
                         helptext.Entry("--eta <ETA>", ["How long", "", "[default: 1s]"]))
        values = section1.sections(long)[0].entries[0][1][2]
        self.assertIsInstance(values, Tagged)
        self.assertEqual([tag for tag, _ in values.entries],
                         [[Piece("Cm", "one")], [Piece("Cm", "two")]])

    def test_help_is_told_once_for_all_commands(self):
        short = helptext.read(["ctl"], self.SHORT)
        self.assertEqual([tag for tag, _ in section1.sections(short)[1].entries],
                         ["Fl -eta Ar ETA"])

    def test_a_command_of_commands_is_explained_and_not_offered(self):
        above = helptext.Help(["ctl"], ["Does."], "ctl <COMMAND>", {}, [
            helptext.Help(["ctl", "trace"], ["Traces"], "ctl trace <COMMAND>", {}, [
                helptext.Help(["ctl", "trace", "make"], ["Makes"], "ctl trace make", {})])])
        every = list(section1.below(above))
        self.assertEqual([one.path[-1] for one in every], ["ctl", "trace", "make"])
        self.assertEqual([one.path[-1] for one in every if section1.is_complete(one)], ["make"])
        self.assertEqual(section1.command(every[1])[1], Paragraph([plain("Traces.")]))

    def test_options_of_several_commands_are_explained_once(self):
        where = "\nWhich server:\n  -s, --socket <PATH>  Its socket\n"
        other = where.replace("Its", "Some")
        long = "\nWhich server:\n  -s, --socket <PATH>\n          Its\n          socket\n"
        every = [helptext.read(["ctl"], self.SHORT + more) for more in ("", where, long)]
        common = section1.in_common(every)
        self.assertEqual(list(common), ["Which server"])
        self.assertEqual(section1.command(every[1], common)[-1], Paragraph([plain(
            "Also the options under \u201cWhich server\u201d below.")]))
        self.assertEqual(section1.shared("Which server", common["Which server"])[-1].entries[0][0],
                         "Fl s , Fl -socket Ar PATH")
        different = [helptext.read(["ctl"], self.SHORT + more) for more in (where, other)]
        self.assertEqual(section1.in_common(different), {})

    def test_exit_codes_are_those_that_the_program_says(self):
        codes = "\nExit codes:\n  0  Done\n  3  The answer is bad news\n"
        told = helptext.read(["ctl"], self.SHORT + codes)
        self.assertIn("The answer is bad news", section1.exit_status(told))
        self.assertNotIn("bad news", repr(section1.sections(told)))
        self.assertEqual(section1.exit_status(helptext.read(["ctl"], self.SHORT)),
                         [".Ex -std peermonctl"])

    def test_a_line_that_belongs_nowhere_is_refused(self):
        with self.assertRaises(Unclear):
            helptext.read(["ctl"], self.SHORT + "\nMore words.\n")
        with self.assertRaises(Unclear):
            helptext.read(["ctl"], "Does it.\n")

    def test_usages_are_marked(self):
        for spec, marked in (
            ("[OPTIONS] <FILE>", "Oo Ar options Oc Ar FILE"),
            ("-n, --times <N>", "Fl n , Fl -times Ar N"),
            ("--at=<N>", "Fl -at Ns No = Ns Ar N"),
            ("[--color[=<WHEN>]]", None),
            ("<FILE>...", "Ar FILE ..."),
            ("<--a <A>|--b>", r"Bro Fl -a Ar A Ns No \&| Ns Fl -b Brc"),
            ("[FILE]", "Oo Ar FILE Oc"),
        ):
            with self.subTest(spec):
                if marked is None:
                    self.assertRaises(Unclear, section1.parts, spec)
                else:
                    self.assertEqual(" ".join(section1.parts(spec)), marked)


class Comments(unittest.TestCase):
    def test_a_layout_that_is_not_known_is_refused(self):
        for lines in (["- a", "- b"], ["1. a", "3. b"], ["a", "  b"]):
            with self.subTest(lines), self.assertRaises(Unclear):
                blocks(lines, reader())


if __name__ == "__main__":
    unittest.main()
