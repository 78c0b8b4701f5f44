// A world card is written by whoever made the pack: its Markdown becomes elements of a few known kinds, and its HTML is shown as text.
// Links and pictures are not followed, since the page asks nothing of other servers: a link shows its address.

import { lexer } from "../../vendor/markdown.js";
import { element } from "./element.js";

/** @typedef {any} Token a token of marked's lexer */

/**
 * @param {string} text Markdown
 * @returns {DocumentFragment}
 */
export function markdown(text) {
  const fragment = document.createDocumentFragment();
  fragment.append(...blocks(lexer(text)));
  return fragment;
}

/** @param {Token[]} tokens @returns {Node[]} */
function blocks(tokens) {
  return tokens.flatMap((token) => block(token));
}

/** @param {Token} token @returns {Node[]} */
function block(token) {
  switch (token.type) {
    case "heading":
      return [element(token.depth <= 2 ? "h2" : "h3", {}, ...inline(token.tokens))];
    case "paragraph":
      return token.tokens.every((/** @type {Token} */ part) => part.type === "image") ? [] : [element("p", {}, ...inline(token.tokens))];
    case "list":
      return [element(token.ordered ? "ol" : "ul", {}, ...token.items.map((/** @type {Token} */ item) => element("li", {}, ...blocks(item.tokens))))];
    case "blockquote":
      return [element("blockquote", {}, ...blocks(token.tokens))];
    case "code":
      return [element("pre", {}, element("code", {}, token.text))];
    case "table":
      return [table(token)];
    case "hr":
      return [element("hr")];
    case "space":
      return [];
    case "text":
      return token.tokens ? inline(token.tokens) : [document.createTextNode(token.text)];
    default:
      return [element("p", {}, token.raw ?? "")];
  }
}

/** @param {Token} token */
function table(token) {
  const row = (/** @type {string} */ tag, /** @type {Token[]} */ cells) =>
    element("tr", {}, ...cells.map((cell) => element(tag, {}, ...inline(cell.tokens))));
  return element(
    "div",
    { class: "table" },
    element("table", {}, element("thead", {}, row("th", token.header)), element("tbody", {}, ...token.rows.map((/** @type {Token[]} */ cells) => row("td", cells)))),
  );
}

/** @param {Token[]} tokens @returns {Node[]} */
function inline(tokens) {
  return tokens.flatMap((token) => {
    switch (token.type) {
      case "strong":
        return [element("strong", {}, ...inline(token.tokens))];
      case "em":
        return [element("em", {}, ...inline(token.tokens))];
      case "codespan":
        return [element("code", {}, token.text)];
      case "br":
        return [element("br")];
      case "link":
        return token.text === token.href ? [document.createTextNode(token.href)] : [...inline(token.tokens), document.createTextNode(` (${token.href})`)];
      case "image":
        return [document.createTextNode(token.text)];
      case "text":
        return token.tokens ? inline(token.tokens) : [document.createTextNode(token.text)];
      case "escape":
        return [document.createTextNode(token.text)];
      default:
        return [document.createTextNode(token.raw)];
    }
  });
}
