// Stub of the Input System: a keyboard, a mouse and actions that tests press.
using System;
using System.Collections.Generic;
using UnityEngine.InputSystem.Controls;

namespace UnityEngine.InputSystem
{
    public enum Key
    {
        None = 0,
        Space,
        Enter,
        Tab,
        A,
        B,
        C,
        D,
        E,
        Q,
        R,
        S,
        W,
        Digit1,
        LeftShift,
        LeftCtrl,
        LeftArrow,
        RightArrow,
        UpArrow,
        DownArrow,
        Escape,
    }

    public sealed class InputAction
    {
        public InputAction(string name) => this.name = name;

        public string name { get; }
        public bool StubPressed { get; set; }
        public bool StubWentDown { get; set; }
        public Vector2 StubValue { get; set; }

        public bool IsPressed() => StubPressed;

        public bool WasPressedThisFrame() => StubWentDown;

        public TValue ReadValue<TValue>() where TValue : struct => (TValue)(object)StubValue;
    }

    public class InputActionAsset : ScriptableObject
    {
        public readonly List<InputAction> StubActions = new List<InputAction>();

        public bool enabled { get; private set; }

        public InputAction FindAction(string actionNameOrId, bool throwIfNotFound = false)
        {
            foreach (var action in StubActions)
                if (string.Equals(action.name, actionNameOrId, StringComparison.OrdinalIgnoreCase))
                    return action;
            return null;
        }

        public void Enable() => enabled = true;

        public void Disable() => enabled = false;
    }

    public class Keyboard
    {
        readonly Dictionary<Key, KeyControl> _keys = new Dictionary<Key, KeyControl>();

        public static Keyboard current { get; set; }

        public KeyControl this[Key key]
        {
            get
            {
                if (!_keys.TryGetValue(key, out var control))
                    _keys[key] = control = new KeyControl();
                return control;
            }
        }
    }

    public class Mouse
    {
        public static Mouse current { get; set; }

        public Vector2Control delta { get; } = new Vector2Control();
        public ButtonControl rightButton { get; } = new ButtonControl();
    }
}

namespace UnityEngine.InputSystem.Controls
{
    public class ButtonControl
    {
        public bool isPressed { get; set; }
        public bool wasPressedThisFrame { get; set; }
    }

    public class KeyControl : ButtonControl
    {
    }

    public class Vector2Control
    {
        public Vector2 StubValue { get; set; }

        public Vector2 ReadValue() => StubValue;
    }
}
