// Reads Markdown into tokens; the page builds elements from them itself, so a card can hold no markup of its own.
export { lexer } from "marked";
