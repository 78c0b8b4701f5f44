#nullable enable
using UnityEngine;
using UnityEngine.InputSystem;

namespace Dreamport.Samples
{
    /// <summary>Moves a camera by W A S D and the mouse with the right button held.</summary>
    public sealed class FlyCamera : MonoBehaviour
    {
        const float MetresPerSecond = 1.5f, DegreesPerPixel = 0.12f;
        float _yaw, _pitch;

        void Update()
        {
            var keyboard = Keyboard.current;
            var mouse = Mouse.current;
            if (mouse != null && mouse.rightButton.isPressed)
            {
                var turned = mouse.delta.ReadValue();
                _yaw += turned.x * DegreesPerPixel;
                _pitch = Mathf.Clamp(_pitch - turned.y * DegreesPerPixel, -80f, 80f);
            }
            var rotation = Quaternion.Euler(_pitch, _yaw, 0f);
            var step = Vector3.zero;
            if (keyboard != null)
                step = new Vector3(Held(keyboard, Key.D) - Held(keyboard, Key.A), 0f, Held(keyboard, Key.W) - Held(keyboard, Key.S));
            transform.SetPositionAndRotation(
                transform.position + Quaternion.Euler(0f, _yaw, 0f) * step * (MetresPerSecond * Time.deltaTime), rotation);
        }

        static float Held(Keyboard keyboard, Key key) => keyboard[key].isPressed ? 1f : 0f;
    }
}
