#nullable enable
using System;
using System.Collections.Generic;
using Dreamport.Internal;
using UnityEngine;
using UnityEngine.InputSystem;

namespace Dreamport
{
    /// <summary>Reads a world's buttons and look from the Input System: from actions of the same names, or from the keys the world suggests and
    /// the mouse. Sampling allocates nothing.</summary>
    sealed class WorldInput : IDisposable
    {
        readonly InputAction?[] _actions;
        readonly Key[][] _keys;
        readonly InputAction? _look;
        readonly InputActionAsset? _asset;
        readonly bool _enabledHere;

        public WorldInput(IReadOnlyList<WorldButton> buttons, InputActionAsset? asset)
        {
            _asset = asset;
            _actions = new InputAction?[buttons.Count];
            _keys = new Key[buttons.Count][];
            for (var i = 0; i < buttons.Count; i++)
            {
                _actions[i] = asset != null ? asset.FindAction(buttons[i].Name) : null;
                _keys[i] = _actions[i] == null ? KeysOf(buttons[i]) : Array.Empty<Key>();
            }
            _look = asset != null ? asset.FindAction("Look") : null;
            if (asset != null && !asset.enabled)
            {
                asset.Enable();
                _enabledHere = true;
            }
        }

        /// <summary>Reads what is held, was pressed and was turned since the last engine frame.</summary>
        public void Sample(ControlSampler controls, float lookDegreesPerUnit, bool mouseNeedsLock)
        {
            var keyboard = Keyboard.current;
            for (var i = 0; i < _actions.Length; i++)
            {
                var action = _actions[i];
                var held = false;
                var pressed = false;
                if (action != null)
                {
                    held = action.IsPressed();
                    pressed = action.WasPressedThisFrame();
                }
                else if (keyboard != null)
                {
                    foreach (var key in _keys[i])
                    {
                        var control = keyboard[key];
                        held |= control.isPressed;
                        pressed |= control.wasPressedThisFrame;
                    }
                }
                controls.Hold(i, held);
                if (pressed)
                    controls.Press(i);
            }
            SampleLook(controls, lookDegreesPerUnit, mouseNeedsLock);
        }

        public void Dispose()
        {
            if (_enabledHere && _asset != null)
                _asset.Disable();
        }

        void SampleLook(ControlSampler controls, float degreesPerUnit, bool mouseNeedsLock)
        {
            Vector2 turn;
            if (_look != null)
            {
                turn = _look.ReadValue<Vector2>();
            }
            else
            {
                var mouse = Mouse.current;
                if (mouse == null || (mouseNeedsLock && Cursor.lockState != CursorLockMode.Locked && !mouse.rightButton.isPressed))
                    return;
                turn = mouse.delta.ReadValue();
            }
            if (turn.x != 0f || turn.y != 0f)
                controls.Look(turn.x * degreesPerUnit, -turn.y * degreesPerUnit);
        }

        static Key[] KeysOf(WorldButton button)
        {
            var keys = new List<Key>();
            foreach (var code in button.Keys)
                if (KeyNames.FromCode(code) is string name && Enum.TryParse(name, out Key key))
                    keys.Add(key);
            return keys.ToArray();
        }
    }
}
