"""What a chat template is compiled from: our tags, and detours through our filters where Jinja would compile to plain Python. Pure."""

from __future__ import annotations

from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.visitor


class TemplateFailed(Exception):
    """The template has a mistake, refuses this conversation, or wants too much time or memory."""


class GenerationTags(jinja2.ext.Extension):
    """`{% generation %}` marks the assistant's text for training; here it is passed through."""

    tags = {"generation"}  # noqa: RUF012 - the base class declares it so

    def parse(self, parser: jinja2.parser.Parser) -> Any:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Measured(jinja2.visitor.NodeTransformer):
    """What Jinja compiles to plain Python, without asking us: lists, tuples, objects, slices, `~`, `f(*list)`. Each goes through a filter of ours."""

    def _through(self, node: jinja2.nodes.Expr, name: str, *args: jinja2.nodes.Expr) -> jinja2.nodes.Filter:
        made = jinja2.nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)
        assert node.environment is not None
        made.set_environment(node.environment)
        return made

    def visit_Concat(self, node: jinja2.nodes.Concat) -> jinja2.nodes.Filter:
        """It makes plain strings; ours keeps their origin."""
        self.generic_visit(node)
        parts = jinja2.nodes.List(node.nodes, lineno=node.lineno)
        assert node.environment is not None
        parts.set_environment(node.environment)
        return self._through(parts, "_join_all")

    def _visit_literal(self, node: Any) -> jinja2.nodes.Node:
        self.generic_visit(node)
        # What stands in the template as it is, is no larger than the template; and what is assigned to is no value.
        is_small = all(isinstance(one, jinja2.nodes.Const) for one in node.iter_child_nodes())
        return node if is_small or getattr(node, "ctx", "load") != "load" else self._through(node, "_made")

    visit_List = visit_Tuple = visit_Dict = _visit_literal

    def visit_Getitem(self, node: jinja2.nodes.Getitem) -> jinja2.nodes.Node:
        self.generic_visit(node)
        if not isinstance(node.arg, jinja2.nodes.Slice):
            return node
        ends = [one if one is not None else jinja2.nodes.Const(None) for one in (node.arg.start, node.arg.stop, node.arg.step)]
        for end in ends:
            assert node.environment is not None
            end.set_environment(node.environment)
        return self._through(node.node, "_part", *ends)

    def _visit_starred(self, node: Any) -> Any:
        self.generic_visit(node)
        for name in ("dyn_args", "dyn_kwargs"):
            if getattr(node, name) is not None:
                setattr(node, name, self._through(getattr(node, name), "_few"))
        return node

    visit_Call = visit_Filter = visit_Test = _visit_starred

    def visit_ScopedEvalContextModifier(self, _node: jinja2.nodes.Node) -> jinja2.nodes.Node:
        raise TemplateFailed("autoescape is not offered")  # escaped text forgets whose letters it has

    visit_EvalContextModifier = visit_ScopedEvalContextModifier
